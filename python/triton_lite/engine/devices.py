"""Which GPUs models can run on."""

from __future__ import annotations

import glob
import importlib.util
import os
import re


def find_gpus(root: str = "/dev") -> frozenset[int]:
    """Return the ids of the GPUs that ONNX Runtime can use here: none without driver or CUDA libraries.

    root: the folder of device files. CUDA_VISIBLE_DEVICES limits and renumbers them, as CUDA does.
    """
    devices = [path for path in glob.glob(f"{root}/nvidia*") if re.fullmatch(r"nvidia\d+", os.path.basename(path))]
    count = len(devices)
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    if visible is not None:
        named = [part for part in visible.split(",") if part.strip() not in ("", "-1")]
        count = min(count, len(named))
    if not count or not _cuda_libraries():
        return frozenset()
    return frozenset(range(count))


def _cuda_libraries() -> bool:
    """Tell whether the CUDA libraries are there: from NVIDIA's wheels, or installed on the machine."""
    try:
        if importlib.util.find_spec("nvidia.cudnn") and importlib.util.find_spec("nvidia.cublas"):
            return True
    except ModuleNotFoundError:
        pass
    import ctypes

    try:
        ctypes.CDLL("libcudnn.so.9")
    except OSError:
        return False
    return True
