#!/usr/bin/env python3
"""Build a model repository from the file-type model inside the PyPI package `magika`.

    pip install --no-deps magika        # --no-deps: it asks for the CPU package of ONNX Runtime
    python examples/file_types/build_repository.py FOLDER
    triton-lite serve FOLDER

The package's code is not run, only its files are read.
"""

from __future__ import annotations

import importlib.util
import json
import shutil
import sys
from pathlib import Path

CONFIG = """\
name: "file_type"
platform: "onnxruntime_onnx"
max_batch_size: 64
input [ {{ name: "bytes" data_type: TYPE_INT32 dims: [ {inputs} ] }} ]
output [ {{ name: "target_label" data_type: TYPE_FP32 dims: [ {labels} ] label_filename: "labels.txt" }} ]
dynamic_batching {{ }}
"""


def model_folder() -> Path:
    """The folder of the newest model that the installed package ships."""
    spec = importlib.util.find_spec("magika")
    if spec is None or spec.origin is None:
        sys.exit("The package magika is not installed: pip install --no-deps magika")
    models = sorted((Path(spec.origin).parent / "models").glob("*/model.onnx"))
    if not models:
        sys.exit(f"No model.onnx below {Path(spec.origin).parent / 'models'}")
    return models[-1].parent


def build(repository: Path) -> Path:
    """Write REPOSITORY/file_type with its labels; returns that folder."""
    source = model_folder()
    settings = json.loads((source / "config.min.json").read_text())
    labels = settings["target_labels_space"]
    model = repository / "file_type"
    (model / "1").mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source / "model.onnx", model / "1" / "model.onnx")
    (model / "labels.txt").write_text("\n".join(labels) + "\n")
    inputs = settings["beg_size"] + settings["end_size"]
    (model / "config.pbtxt").write_text(CONFIG.format(inputs=inputs, labels=len(labels)))
    return model


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    print(build(Path(sys.argv[1])))
