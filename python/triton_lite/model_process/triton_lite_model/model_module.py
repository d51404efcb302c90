"""Imports a model's file as Triton does."""

from __future__ import annotations

import os
import sys
from typing import Any

from .errors import Refusal


def import_model(version_directory: str, model_file: str) -> Any:
    """Import the model's module: as VERSION.model, with its folders on the path.

    A file given by its full path is that of a backend, which all models of the backend share: its name alone counts.
    """
    absolute = os.path.isabs(model_file)
    path = model_file if absolute else os.path.join(version_directory, model_file)
    if not os.path.exists(path):
        raise Refusal(f"Python model file not found in '{path}'")
    name = os.path.basename(path)
    if not name.endswith(".py"):
        raise Refusal(f"Model name must end with '.py'. Model name is \"{name}\".")
    folder = os.path.dirname(path)
    stem = name[: -len(".py")]
    own = sys.path.pop()  # The folder of the interface stays last.
    sys.path.append(folder)
    if absolute:
        sys.path.append(own)
        return __import__(stem)
    sys.path.append(os.path.dirname(folder))
    sys.path.append(own)
    version = os.path.basename(folder)
    # Not importlib.import_module: its frames would show in the text of an error.
    return getattr(__import__(f"{version}.{stem}"), stem)
