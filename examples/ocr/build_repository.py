#!/usr/bin/env python3
"""Build a model repository that reads text in images, from the networks inside the PyPI package rapidocr-onnxruntime.

    pip install --no-deps rapidocr-onnxruntime==1.4.4   # --no-deps: it asks for the CPU package of ONNX Runtime
    pip install opencv-python-headless pyclipper onnx
    python examples/ocr/build_repository.py FOLDER
    triton-lite serve FOLDER

Of the package only the networks are used; the steps between them are in models/.
"""

from __future__ import annotations

import importlib.util
import shutil
import sys
from pathlib import Path

import onnx

MODELS = Path(__file__).parent / "models"
NETWORK = """\
platform: "onnxruntime_onnx"
input [ {{ name: "x" data_type: TYPE_FP32 dims: [ {inputs} ] }} ]
output [ {{ name: "{output}" data_type: TYPE_FP32 dims: [ {outputs} ] }} ]
instance_group [ {{ count: 1 kind: KIND_CPU }} ]
"""
# Model -> the file of the package, dims of the input, name and dims of the output.
NETWORKS = {
    "text_detection": ("ch_PP-OCRv4_det_infer.onnx", "-1, 3, -1, -1", "sigmoid_0.tmp_0", "-1, 1, -1, -1"),
    "text_direction": (
        "ch_ppocr_mobile_v2.0_cls_infer.onnx",
        "-1, 3, 48, 192",
        "save_infer_model/scale_0.tmp_1",
        "-1, 2",
    ),
    "text_recognition": ("ch_PP-OCRv4_rec_infer.onnx", "-1, 3, 48, -1", "softmax_11.tmp_0", "-1, -1, 6625"),
}
ENSEMBLE = """\
platform: "ensemble"
input [ { name: "IMAGE" data_type: TYPE_UINT8 dims: [ -1, -1, 3 ] } ]
output [
  { name: "BOXES" data_type: TYPE_FP32 dims: [ -1, 4, 2 ] },
  { name: "TEXT" data_type: TYPE_STRING dims: [ -1 ] },
  { name: "SCORES" data_type: TYPE_FP64 dims: [ -1 ] }
]
ensemble_scheduling {
  step [
    {
      model_name: "ocr_prepare" model_version: -1
      input_map { key: "IMAGE" value: "IMAGE" }
      output_map { key: "SEEN" value: "seen" }
      output_map { key: "PAGE" value: "page" }
      output_map { key: "PLACEMENT" value: "placement" }
    },
    {
      model_name: "text_detection" model_version: -1
      input_map { key: "x" value: "seen" }
      output_map { key: "sigmoid_0.tmp_0" value: "marks" }
    },
    {
      model_name: "ocr_read" model_version: -1
      input_map { key: "PAGE" value: "page" }
      input_map { key: "MARKS" value: "marks" }
      input_map { key: "PLACEMENT" value: "placement" }
      output_map { key: "BOXES" value: "BOXES" }
      output_map { key: "TEXT" value: "TEXT" }
      output_map { key: "SCORES" value: "SCORES" }
    }
  ]
}
"""


def network_folder() -> Path:
    """The networks of the installed package."""
    spec = importlib.util.find_spec("rapidocr_onnxruntime")
    if spec is None or spec.origin is None:
        sys.exit("The package is not installed: pip install --no-deps rapidocr-onnxruntime==1.4.4")
    return Path(spec.origin).parent / "models"


def characters(network: Path) -> str:
    """What the recognition network's classes mean, one a line."""
    metadata = {entry.key: entry.value for entry in onnx.load(str(network)).metadata_props}
    return "\n".join(metadata["character"].splitlines())


def _folder(repository: Path, model: str, config: str) -> Path:
    version = repository / model / "1"
    version.mkdir(parents=True, exist_ok=True)
    (repository / model / "config.pbtxt").write_text(config)
    return version


def build(repository: Path) -> None:
    """Write the three networks, the models between them, and the ensemble."""
    source = network_folder()
    for model, (file, inputs, output, outputs) in NETWORKS.items():
        version = _folder(repository, model, NETWORK.format(inputs=inputs, output=output, outputs=outputs))
        shutil.copyfile(source / file, version / "model.onnx")
    meanings = characters(source / NETWORKS["text_recognition"][0])
    for folder in sorted(path for path in MODELS.iterdir() if (path / "model.py").exists()):
        version = _folder(repository, folder.name, (folder / "config.pbtxt").read_text())
        for file_path in (folder / "model.py", MODELS / "steps.py", MODELS / "reading.py"):
            shutil.copyfile(file_path, version / file_path.name)
        (version / "characters.txt").write_text(meanings, encoding="utf-8", newline="\n")
    _folder(repository, "ocr_ensemble", ENSEMBLE)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    build(Path(sys.argv[1]))
