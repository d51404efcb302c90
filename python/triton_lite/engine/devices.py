"""Which GPUs models can run on."""

from __future__ import annotations

import glob
import os
import re

from triton_lite.engine import cuda_libraries
from triton_lite.environment import CPU_ONLY_VARIABLE


def find_gpus(root: str = "/dev") -> frozenset[int]:
    """Return the ids of the GPUs that ONNX Runtime can use here: none without driver or CUDA libraries.

    root: the folder of device files. CUDA_VISIBLE_DEVICES limits and renumbers them, as CUDA does.
    """
    if CPU_ONLY_VARIABLE in os.environ:
        return frozenset()
    devices = [path for path in glob.glob(f"{root}/nvidia*") if re.fullmatch(r"nvidia\d+", os.path.basename(path))]
    count = len(devices)
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    if visible is not None:
        named = [part for part in visible.split(",") if part.strip() not in ("", "-1")]
        count = min(count, len(named))
    if not count or not cuda_libraries.available():
        return frozenset()
    return frozenset(range(count))
