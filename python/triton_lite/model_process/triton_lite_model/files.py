"""Files in memory, which carry tensors where the engine may not read this process's memory."""

from __future__ import annotations

import os
import platform
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .datatypes import Array

_SYSTEM_CALLS = {"x86_64": 319, "aarch64": 279}
_ALIGNMENT = 64
_CLOSE_ON_EXEC = 1


class MemoryFile:
    """One file for one message: what is written lies at the offset that write returned."""

    __slots__ = ("_descriptor", "_size")

    def __init__(self) -> None:
        self._descriptor = _create()
        self._size = 0

    def fileno(self) -> int:
        """Return the descriptor, to send along."""
        return self._descriptor

    def write(self, data: Array) -> int:
        """Append bytes (a flat array of uint8) and return where they lie."""
        start = -(-self._size // _ALIGNMENT) * _ALIGNMENT
        view = memoryview(data)  # type: ignore[arg-type,unused-ignore]
        done = 0
        while done < len(view):
            done += os.pwrite(self._descriptor, view[done:], start + done)
        self._size = start + len(view)
        return start

    def close(self) -> None:
        """Close this process's descriptor; the engine has its own."""
        os.close(self._descriptor)

    def __enter__(self) -> MemoryFile:
        return self

    def __exit__(self, *_: Any) -> None:
        self.close()


def _create() -> int:
    name = "triton_lite_model"
    if sys.platform == "linux" and hasattr(os, "memfd_create"):
        return os.memfd_create(name, _CLOSE_ON_EXEC)
    import ctypes  # An interpreter built against an old C library has no binding of its own.

    library = ctypes.CDLL(None, use_errno=True)
    descriptor: int = library.syscall(_SYSTEM_CALLS[platform.machine()], name.encode(), _CLOSE_ON_EXEC)
    if descriptor < 0:
        error = ctypes.get_errno()
        raise OSError(error, os.strerror(error))
    return descriptor
