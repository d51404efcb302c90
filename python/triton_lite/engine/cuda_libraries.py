"""The libraries of CUDA that ONNX Runtime's CUDA provider needs, from NVIDIA's Python packages (extra `cuda`).

They lie where no loader looks: once they are loaded, the provider finds them by name. Libraries that the machine's own
loader finds (a CUDA installation, LD_LIBRARY_PATH) need nothing of this.
"""

from __future__ import annotations

import functools
import glob
import importlib.util
import logging
import os

_log = logging.getLogger(__name__)

# Each after those that it needs.
_LIBRARIES = ("cudart", "nvJitLink", "nvrtc", "cublasLt", "cublas", "cufft", "curand", "cudnn")
_CUDNN = "libcudnn.so.9"


def find() -> list[str]:
    """Return the absolute paths of the libraries in NVIDIA's packages, in the order in which to load them."""
    try:
        spec = importlib.util.find_spec("nvidia")
    except (ImportError, ValueError):
        spec = None
    locations = list(spec.submodule_search_locations or ()) if spec else []
    folders = [os.path.join(glob.escape(location), "*", "lib") for location in locations]
    found = []
    for name in _LIBRARIES:
        paths = [path for folder in folders for path in glob.glob(os.path.join(folder, f"lib{name}.so.*"))]
        found += sorted(paths)[:1]
    return found


def available() -> bool:
    """Tell whether a CUDA provider could be set up here: cuDNN is the last thing that is missing."""
    if any(os.path.basename(path) == _CUDNN for path in find()):
        return True
    import ctypes

    try:
        ctypes.CDLL(_CUDNN)
    except OSError:
        return False
    return True


@functools.cache
def load() -> None:
    """Load what there is, once. What cannot be loaded is told by the provider, which names it."""
    import ctypes

    for path in find():
        try:
            ctypes.CDLL(path)
        except OSError as error:
            _log.warning("unable to load %s: %s", path, error)
