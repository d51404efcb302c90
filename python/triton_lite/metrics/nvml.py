"""NVIDIA's management library, as far as metrics need it. It is found at run time; nothing of it is needed to build."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Callable
from typing import Any

LIBRARY_VARIABLE = "TRITON_LITE_NVML"
"""Environment variable with the path of the library, where it is not in the system's places."""

_LIBRARY = "libnvidia-ml.so.1"
_SUCCESS = 0
_UUID_SIZE = 96


class NvmlError(Exception):
    """What the library says went wrong."""


class _Utilization(ctypes.Structure):
    _fields_ = (("gpu", ctypes.c_uint), ("memory", ctypes.c_uint))


class _Memory(ctypes.Structure):
    _fields_ = (("total", ctypes.c_ulonglong), ("free", ctypes.c_ulonglong), ("used", ctypes.c_ulonglong))


class Device:
    """One GPU. Every method raises NvmlError where the GPU or its driver does not tell."""

    def __init__(self, library: Nvml, handle: ctypes.c_void_p) -> None:
        self._call = library.call
        self._handle = handle
        self.uuid = self._text("nvmlDeviceGetUUID", _UUID_SIZE)
        self.name = self._text("nvmlDeviceGetName", _UUID_SIZE)

    def utilization(self) -> float:
        """Tell the part of the time in which kernels ran, 0..1."""
        return float(self._get("nvmlDeviceGetUtilizationRates", _Utilization()).gpu) / 100

    def memory(self) -> tuple[int, int]:
        """Tell how much memory there is, and how much is used, in bytes."""
        memory = self._get("nvmlDeviceGetMemoryInfo", _Memory())
        return int(memory.total), int(memory.used)

    def power_usage(self) -> float:
        """In watts."""
        return float(self._get("nvmlDeviceGetPowerUsage", ctypes.c_uint()).value) / 1000

    def power_limit(self) -> float:
        """In watts."""
        return float(self._get("nvmlDeviceGetPowerManagementLimit", ctypes.c_uint()).value) / 1000

    def energy(self) -> float:
        """In joules, since the driver was loaded."""
        return float(self._get("nvmlDeviceGetTotalEnergyConsumption", ctypes.c_ulonglong()).value) / 1000

    def _get(self, name: str, result: Any) -> Any:
        self._call(name, self._handle, ctypes.byref(result))
        return result

    def _text(self, name: str, size: int) -> str:
        buffer = ctypes.create_string_buffer(size)
        self._call(name, self._handle, buffer, ctypes.c_uint(size))
        return buffer.value.decode(errors="replace")


class Nvml:
    """The library, loaded and started. Raises OSError where it is not there, NvmlError where it does not start."""

    def __init__(self) -> None:
        self._library = ctypes.CDLL(os.environ.get(LIBRARY_VARIABLE) or _LIBRARY)
        self.call("nvmlInit_v2")

    def call(self, name: str, *arguments: Any) -> None:
        """Call a function of the library. Raises NvmlError."""
        function: Callable[..., int] | None = getattr(self._library, name, None)
        if function is None:
            raise NvmlError(f"{name} is not in this version of the library")
        code = function(*arguments)
        if code != _SUCCESS:
            raise NvmlError(f"{name}: {self._error(code)}")

    def devices(self) -> list[Device]:
        """Open all GPUs, in the order of their numbers."""
        count = ctypes.c_uint()
        self.call("nvmlDeviceGetCount_v2", ctypes.byref(count))
        return [self._device(index) for index in range(count.value)]

    def _device(self, index: int) -> Device:
        handle = ctypes.c_void_p()
        self.call("nvmlDeviceGetHandleByIndex_v2", ctypes.c_uint(index), ctypes.byref(handle))
        return Device(self, handle)

    def _error(self, code: int) -> str:
        function = getattr(self._library, "nvmlErrorString", None)
        if function is None:
            return f"error {code}"
        function.restype = ctypes.c_char_p
        text: bytes | None = function(ctypes.c_int(code))
        return (text or b"").decode(errors="replace") or f"error {code}"
