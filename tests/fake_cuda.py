"""A CUDA driver without a GPU (tests/native/fake_cuda), for servers under test and for clients in this process."""

from __future__ import annotations

import base64
import contextlib
import ctypes
import functools
import mmap
import os
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import native_programs
import numpy as np

DEVICES = 2
"""What clients in this process have."""
HANDLE_BYTES = 64
INVALID_VALUE = 1
OUT_OF_MEMORY = 2
LAUNCH_FAILED = 719
_EVERY_CALL = 2**64 - 1


class CudaError(Exception):
    """A call of the driver that failed."""

    def __init__(self, function: str, code: int) -> None:
        """Say what failed, and with which CUresult."""
        super().__init__(f"{function} failed with {code}")
        self.code = code


class _Handle(ctypes.Structure):
    _fields_ = (("bytes", ctypes.c_ubyte * HANDLE_BYTES),)


@functools.cache
def library_folder() -> Path:
    """What LD_LIBRARY_PATH of a process names that is to have GPUs; built once."""
    return native_programs.fake_cuda()


@functools.cache
def _library() -> ctypes.CDLL:
    library = ctypes.CDLL(str(library_folder() / "libcuda.so.1"))
    for name in ("fakeCudaFunctionName", "fakeCudaKindName"):
        getattr(library, name).restype = ctypes.c_char_p
    return library


@functools.cache
def _started() -> ctypes.CDLL:
    """Return the library after cuInit."""
    before = os.environ.get("FAKE_CUDA_DEVICES")
    os.environ["FAKE_CUDA_DEVICES"] = str(DEVICES)
    try:
        _check("cuInit", _library().cuInit(0))
    finally:
        os.environ.pop("FAKE_CUDA_DEVICES")
        if before is not None:
            os.environ["FAKE_CUDA_DEVICES"] = before
    return _library()


def _check(function: str, code: int) -> None:
    if code != 0:
        raise CudaError(function, code)


def _names(function: str) -> list[str]:
    names: list[str] = []
    while (name := getattr(_library(), function)(len(names))) is not None:
        names.append(name.decode())
    return names


class FakeDevice:
    """A GPU as a client uses it: memory with handles for other processes, read and written by copies."""

    def __init__(self, ordinal: int = 0) -> None:
        """Use the device's primary context for all that follows."""
        self.ordinal = ordinal
        self._context = ctypes.c_void_p()
        _check("cuDevicePrimaryCtxRetain", _started().cuDevicePrimaryCtxRetain(ctypes.byref(self._context), ordinal))

    def _call(self, function: str, *arguments: Any) -> None:
        library = _started()
        _check("cuCtxPushCurrent_v2", library.cuCtxPushCurrent_v2(self._context))
        try:
            _check(function, getattr(library, function)(*arguments))
        finally:
            _check("cuCtxPopCurrent_v2", library.cuCtxPopCurrent_v2(None))

    def alloc(self, byte_size: int) -> int:
        """Return a device pointer."""
        pointer = ctypes.c_uint64()
        self._call("cuMemAlloc_v2", ctypes.byref(pointer), ctypes.c_size_t(byte_size))
        return pointer.value

    def free(self, pointer: int) -> None:
        """Free what alloc returned."""
        self._call("cuMemFree_v2", ctypes.c_uint64(pointer))

    def write(self, pointer: int, values: np.ndarray[Any, Any] | bytes) -> None:
        """Copy the bytes of `values` to `pointer`."""
        data = values if isinstance(values, bytes) else np.ascontiguousarray(values).tobytes()
        self._call("cuMemcpyHtoD_v2", ctypes.c_uint64(pointer), ctypes.c_char_p(data), ctypes.c_size_t(len(data)))

    def read(self, pointer: int, byte_size: int) -> bytes:
        """Copy `byte_size` bytes from `pointer`."""
        data = ctypes.create_string_buffer(byte_size)
        self._call("cuMemcpyDtoH_v2", data, ctypes.c_uint64(pointer), ctypes.c_size_t(byte_size))
        return data.raw

    def ipc_handle(self, pointer: int) -> bytes:
        """The 64 bytes of a cudaIpcMemHandle_t for what alloc returned."""
        handle = _Handle()
        self._call("cuIpcGetMemHandle", ctypes.byref(handle), ctypes.c_uint64(pointer))
        return bytes(handle.bytes)


class DeviceRegion:
    """Device memory to share with a server."""

    def __init__(self, byte_size: int, ordinal: int = 0) -> None:
        """Allocate it."""
        self.device = FakeDevice(ordinal)
        self.byte_size = byte_size
        self.pointer = self.device.alloc(byte_size)

    def free(self) -> None:
        """End it, for the server, too."""
        self.device.free(self.pointer)

    @property
    def raw_handle(self) -> bytes:
        """The handle as tritonclient takes it for both protocols: in base64."""
        return base64.b64encode(self.device.ipc_handle(self.pointer))

    def write(self, *values: np.ndarray[Any, Any] | bytes, offset: int = 0) -> None:
        """Write `values` one behind the other, from `offset` on."""
        for value in values:
            self.device.write(self.pointer + offset, value)
            offset += len(value) if isinstance(value, bytes) else value.nbytes

    def read(self, dtype: type[np.generic], count: int, offset: int = 0) -> np.ndarray[Any, Any]:
        """Read `count` numbers from `offset` on."""
        data = self.device.read(self.pointer + offset, count * np.dtype(dtype).itemsize)
        return np.frombuffer(data, dtype)


@contextlib.contextmanager
def device_region(byte_size: int, ordinal: int = 0) -> Iterator[DeviceRegion]:
    """Device memory of all zeros, freed at the end."""
    region = DeviceRegion(byte_size, ordinal)
    region.write(bytes(byte_size))
    try:
        yield region
    finally:
        region.free()


class Control:
    """Rules and counters of the driver in other processes, by the file that their FAKE_CUDA_CONTROL names."""

    _LIVE = struct.Struct("q")
    _FUNCTION = struct.Struct("5Q")  # Calls, the call that fails, its code, failed by rule, failed by itself.

    def __init__(self, path: Path) -> None:
        """Make the file."""
        self.path = path
        self._kinds = _names("fakeCudaKindName")
        self._functions = _names("fakeCudaFunctionName")
        size = len(self._kinds) * self._LIVE.size + len(self._functions) * self._FUNCTION.size
        path.write_bytes(bytes(size))
        with path.open("r+b") as file:
            self._map = mmap.mmap(file.fileno(), size)
        self.provoked: set[str] = set()
        """For tests: the functions that are meant to fail by themselves."""

    def environment(self, devices: int = 1) -> dict[str, str]:
        """What to add to the environment of a process that is to use the driver with this file."""
        inherited = os.environ.get("LD_LIBRARY_PATH", "")
        return {
            "LD_LIBRARY_PATH": f"{library_folder()}:{inherited}".rstrip(":"),
            "FAKE_CUDA_CONTROL": str(self.path),
            "FAKE_CUDA_DEVICES": str(devices),
        }

    def _place(self, function: str) -> int:
        return len(self._kinds) * self._LIVE.size + self._functions.index(function) * self._FUNCTION.size

    def _word(self, function: str, field: int) -> int:
        value: int = struct.unpack_from("Q", self._map, self._place(function) + 8 * field)[0]
        return value

    def fail(self, function: str, nth_call: int = 1, code: int = LAUNCH_FAILED) -> None:
        """Fail a call of `function`: the nth from now on, or every one for 0."""
        fail_at = self.calls(function) + nth_call if nth_call else _EVERY_CALL
        # The code first: the process may be in a call.
        struct.pack_into("Q", self._map, self._place(function) + 16, code)
        struct.pack_into("Q", self._map, self._place(function) + 8, fail_at)

    def clear(self) -> None:
        """Remove all rules."""
        for function in self._functions:
            struct.pack_into("Q", self._map, self._place(function) + 8, 0)

    def calls(self, function: str) -> int:
        """How often `function` was called."""
        return self._word(function, 0)

    def all_calls(self) -> dict[str, int]:
        """The same of all functions."""
        return {name: self.calls(name) for name in self._functions}

    def injected(self, function: str) -> int:
        """How many of these calls a rule failed."""
        return self._word(function, 3)

    def refused(self) -> dict[str, int]:
        """The calls that failed by themselves, where there are any: mistakes of the caller, or of its client."""
        return {name: self._word(name, 4) for name in self._functions if self._word(name, 4)}

    def live(self) -> dict[str, int]:
        """What is there and has to be given back: see fakeCudaLive in tests/native/fake_cuda/fake_cuda.h."""
        words = self._LIVE.iter_unpack(self._map[: len(self._kinds) * self._LIVE.size])
        return dict(zip(self._kinds, (word[0] for word in words), strict=True))
