"""Tensors that lie on a GPU of this process: from and to anything with DLPack or `__cuda_array_interface__`."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from triton_lite import tensors
from triton_lite._native import DeviceMemory
from triton_lite.errors import Code, TritonError

_CUDA = 2  # DLPack's kDLCUDA.
_DEFAULT_STREAM = 1  # As DLPack and the array interface count: CUDA's legacy default stream.

# Datatypes of the protocol by DLPack's type codes (int, unsigned, float, bfloat, bool) and bits.
_DATATYPES = {
    **{(0, bits): f"INT{bits}" for bits in (8, 16, 32, 64)},
    **{(1, bits): f"UINT{bits}" for bits in (8, 16, 32, 64)},
    **{(2, bits): f"FP{bits}" for bits in (16, 32, 64)},
    (4, 16): "BF16",
    (6, 8): "BOOL",
}
_CODES = {datatype: code for code, datatype in _DATATYPES.items()}


@dataclass(frozen=True)
class DeviceTensor:
    """A tensor on a GPU, row by row without gaps."""

    datatype: str
    shape: Sequence[int]
    memory: DeviceMemory


def as_device_tensor(value: Any) -> DeviceTensor | None:
    """Lend a tensor that lies on a GPU; None for everything else. Waits for what its producer has begun to do to it.

    Raises TritonError(INVALID_ARGUMENT) for a layout or a type that the protocol does not have.
    """
    if isinstance(value, np.ndarray):
        return None
    if hasattr(value, "__dlpack_device__"):
        return _from_dlpack(value) if value.__dlpack_device__()[0] == _CUDA else None
    interface = getattr(value, "__cuda_array_interface__", None)
    return None if interface is None else _from_interface(value, interface)


def _from_dlpack(value: Any) -> DeviceTensor:
    memory, code, shape = DeviceMemory.from_dlpack(value.__dlpack__(stream=_DEFAULT_STREAM))
    datatype = _DATATYPES.get(code)
    if datatype is None:
        raise TritonError(Code.INVALID_ARGUMENT, f"DLPack type {code} has no datatype of the protocol")
    return DeviceTensor(datatype, shape, memory)


def _from_interface(value: Any, interface: dict[str, Any]) -> DeviceTensor:
    dtype = np.dtype(interface["typestr"])
    shape = tuple(interface["shape"])
    rows = tuple(dtype.itemsize * math.prod(shape[axis + 1 :]) for axis in range(len(shape)))
    strides = interface.get("strides")
    if strides is not None and any(
        size != 1 and stride != row for size, stride, row in zip(shape, strides, rows, strict=True)
    ):
        raise TritonError(
            Code.INVALID_ARGUMENT,
            "a tensor on a GPU has to lie there row by row without gaps: pass a contiguous copy",
        )
    datatype = tensors.datatype_of(np.empty(0, dtype))
    byte_size = dtype.itemsize * math.prod(shape)
    stream = interface.get("stream")
    return DeviceTensor(datatype, shape, DeviceMemory(interface["data"][0], byte_size, value, stream))


def cuda_array_interface(tensor: DeviceTensor) -> dict[str, Any]:
    """Describe a tensor to CuPy, Numba and others. Raises AttributeError for BF16, which has no type there."""
    if tensor.datatype == "BF16":
        raise AttributeError("BF16 has no type in the CUDA array interface")
    return {
        "shape": tuple(tensor.shape),
        "typestr": tensors.dtype_of(tensor.datatype).str,
        "data": (tensor.memory.pointer, False),
        "strides": None,
        "version": 3,
        "stream": None,
    }


def to_dlpack(tensor: DeviceTensor) -> object:
    """Make a DLPack capsule. What computed the tensor is done: there is no stream to wait for."""
    code, bits = _CODES[tensor.datatype]
    return tensor.memory.to_dlpack(code, bits, list(tensor.shape))


def dlpack_device(tensor: DeviceTensor) -> tuple[int, int]:
    """Name the GPU as DLPack does."""
    return _CUDA, tensor.memory.device_id
