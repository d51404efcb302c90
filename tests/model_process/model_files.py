"""Files of models, and where the model's side lies that runs them."""

from __future__ import annotations

import importlib.util
from pathlib import Path

HEAD = """
import triton_python_backend_utils as pb_utils
import numpy as np

"""
IDENTITY = (
    HEAD
    + """
class TritonPythonModel:
    def execute(self, requests):
        responses = []
        for request in requests:
            tensor = pb_utils.get_input_tensor_by_name(request, "INPUT0")
            responses.append(pb_utils.InferenceResponse([pb_utils.Tensor("OUTPUT0", tensor.as_numpy())]))
        return responses
"""
)


def _find_model_process() -> Path:
    """Return the folder of the model's side: of the package that is tested, or of the tree."""
    package = importlib.util.find_spec("triton_lite")
    for location in (package.submodule_search_locations or []) if package is not None else []:
        folder = Path(location) / "model_process"
        if (folder / "__main__.py").exists():
            return folder
    return Path(__file__).resolve().parents[2] / "python" / "triton_lite" / "model_process"


MODEL_PROCESS = _find_model_process()


def write_model(folder: Path, source: str, version: str = "1", file: str = "model.py") -> Path:
    """Write a model; return its folder."""
    path = folder / version / file
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(source)
    return folder
