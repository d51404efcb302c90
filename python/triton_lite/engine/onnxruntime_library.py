"""Finds ONNX Runtime's shared library inside its Python package, without importing the package."""

from __future__ import annotations

import glob
import importlib.util
import os

from triton_lite.errors import Code, TritonError

_INSTALL = "install it with `pip install onnxruntime-gpu` (CPU and GPU) or `pip install onnxruntime` (CPU)"


def find_library() -> str:
    """Return the absolute path of libonnxruntime.so.

    Raises TritonError(UNAVAILABLE), which says what to install, when there is none.
    """
    spec = importlib.util.find_spec("onnxruntime")
    locations = list(spec.submodule_search_locations or ()) if spec else []
    for location in locations:
        found = sorted(glob.glob(os.path.join(glob.escape(location), "capi", "libonnxruntime.so*")))
        if found:
            return found[0]
    if locations:
        problem = f"the package onnxruntime in {locations[0]} has no capi/libonnxruntime.so"
    else:
        problem = "ONNX Runtime is not installed"
    raise TritonError(Code.UNAVAILABLE, f"{problem}; {_INSTALL}")
