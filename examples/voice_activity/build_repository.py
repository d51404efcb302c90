#!/usr/bin/env python3
"""Build a model repository from the voice activity model inside the PyPI package `silero-vad`.

    pip download --no-deps silero-vad        # --no-deps: it asks for torch
    python examples/voice_activity/build_repository.py silero_vad-*.whl FOLDER
    triton-lite serve FOLDER

The package's code is not run, only its model is read; an installed package does as well as the wheel
(`build_repository.py FOLDER`).
"""

from __future__ import annotations

import importlib.util
import sys
import zipfile
from pathlib import Path

MODEL = "silero_vad/data/silero_vad.onnx"

# The model has no batch dimension of its own (that of its state is the second one), so each run is one chunk.
CONFIG = """\
name: "voice_activity"
platform: "onnxruntime_onnx"
max_batch_size: 0
input [
  { name: "input" data_type: TYPE_FP32 dims: [ 1, -1 ] },
  { name: "sr" data_type: TYPE_INT64 dims: [ 1 ] }
]
output [ { name: "output" data_type: TYPE_FP32 dims: [ -1, 1 ] } ]
sequence_batching {
  oldest { max_candidate_sequences: 1000 }
  max_sequence_idle_microseconds: 60000000
  state [
    {
      input_name: "state"
      output_name: "stateN"
      data_type: TYPE_FP32
      dims: [ 2, 1, 128 ]
      initial_state { name: "silence" data_type: TYPE_FP32 dims: [ 2, 1, 128 ] zero_data: true }
    }
  ]
}
instance_group [ { kind: KIND_CPU count: 1 } ]
"""


def read_model(wheel: Path | None) -> bytes:
    """The model's bytes, from the wheel or from the installed package."""
    if wheel is not None:
        with zipfile.ZipFile(wheel) as archive:
            return archive.read(MODEL)
    spec = importlib.util.find_spec("silero_vad")
    if spec is None or spec.origin is None:
        sys.exit("The package silero-vad is not installed: name its wheel, or pip install --no-deps silero-vad")
    return (Path(spec.origin).parents[1] / MODEL).read_bytes()


def build(repository: Path, wheel: Path | None = None) -> Path:
    """Write REPOSITORY/voice_activity; returns that folder."""
    model = repository / "voice_activity"
    (model / "1").mkdir(parents=True, exist_ok=True)
    (model / "1" / "model.onnx").write_bytes(read_model(wheel))
    (model / "config.pbtxt").write_text(CONFIG)
    return model


if __name__ == "__main__":
    if len(sys.argv) not in (2, 3):
        sys.exit(__doc__)
    print(build(Path(sys.argv[-1]), Path(sys.argv[1]) if len(sys.argv) == 3 else None))
