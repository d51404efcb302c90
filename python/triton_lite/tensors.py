"""Tensors between numpy (or anything that speaks DLPack) and the protocol's bytes."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from triton_lite.errors import Code, TritonError

if TYPE_CHECKING:
    from typing_extensions import Buffer

_NAMES = {
    "BOOL": np.dtype(np.bool_),
    **{f"{sign}INT{bits}": np.dtype(f"{sign.lower()}int{bits}") for sign in ("", "U") for bits in (8, 16, 32, 64)},
    **{f"FP{bits}": np.dtype(f"float{bits}") for bits in (16, 32, 64)},
}
_DATATYPES = {dtype: name for name, dtype in _NAMES.items()}


def as_array(value: Any) -> np.ndarray[Any, Any]:
    """Return `value` as a numpy array: an array as it is, an object with `__dlpack__` without a copy, else a copy."""
    if isinstance(value, np.ndarray):
        return value
    if hasattr(value, "__dlpack__"):
        return np.from_dlpack(value)
    return np.asarray(value)


def dtype_of(datatype: str) -> np.dtype[Any]:
    """Return the numpy type of a datatype that is neither BYTES nor BF16."""
    return _NAMES[datatype]


def datatype_of(array: np.ndarray[Any, Any]) -> str:
    """Name the protocol's datatype of an array. Raises TritonError(INVALID_ARGUMENT) when it has none."""
    if array.dtype.kind in "OSU":
        return "BYTES"
    if array.dtype.name == "bfloat16":  # ml_dtypes
        return "BF16"
    name = _DATATYPES.get(array.dtype.newbyteorder("="))
    if name is None:
        raise TritonError(Code.INVALID_ARGUMENT, f"numpy type '{array.dtype}' has no datatype of the protocol")
    return name


def encode(array: np.ndarray[Any, Any]) -> Buffer:
    """Give the bytes of a tensor, row by row, without a copy where the array has them so already."""
    if array.dtype.kind in "OSU":
        return b"".join(_element(item) for item in array.ravel())
    ordered = array if array.dtype.byteorder != ">" else array.astype(array.dtype.newbyteorder("<"))
    return np.ascontiguousarray(ordered).view(np.uint8).data if ordered.size and ordered.ndim else ordered.tobytes()


def decode(datatype: str, shape: Sequence[int], data: memoryview) -> np.ndarray[Any, Any]:
    """View the bytes of a tensor as a read-only array of `shape`.

    BYTES gives an object array of `bytes`; BF16 gives ml_dtypes.bfloat16 where ml_dtypes is installed, else uint16.
    """
    if datatype == "BYTES":
        return _decode_bytes(bytes(data)).reshape(shape)
    dtype = _bfloat16() if datatype == "BF16" else _NAMES[datatype]
    return np.frombuffer(data, dtype).reshape(shape)


def _element(item: Any) -> bytes:
    content = item.encode() if isinstance(item, str) else bytes(item)
    return struct.pack("<I", len(content)) + content


def _decode_bytes(data: bytes) -> np.ndarray[Any, Any]:
    items, offset = [], 0
    while offset < len(data):
        (length,) = struct.unpack_from("<I", data, offset)
        items.append(data[offset + 4 : offset + 4 + length])
        offset += 4 + length
    array = np.empty(len(items), np.object_)
    array[:] = items
    return array


def _bfloat16() -> np.dtype[Any]:
    try:
        import ml_dtypes
    except ImportError:
        return np.dtype(np.uint16)
    bfloat16: np.dtype[Any] = np.dtype(ml_dtypes.bfloat16)
    return bfloat16
