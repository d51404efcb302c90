"""Tensors as models see them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from . import strings
from .datatypes import BF16, BF16_CARRIER, NUMPY_DTYPES, STRING, datatype_of
from .errors import TritonModelException

if TYPE_CHECKING:
    from .datatypes import Array

_new = object.__new__
_ndarray = np.ndarray
_DLPACK_CPU = 1


class Tensor:
    """A named tensor: made of a numpy array or by DLPack, or taken from a message.

    One from a message becomes a numpy array when it is asked for, upon the bytes of the message or upon the engine's
    block, without a copy.
    """

    __module__ = "c_python_backend_utils"

    __slots__ = ("_array", "_data", "_datatype", "_name", "_offset", "_shape", "_size")

    _array: Array | None
    _data: bytearray | Array | None
    _datatype: int
    _name: str
    _offset: int
    _shape: tuple[int, ...]
    _size: int

    def __init__(self, name: str, numpy_array: Array) -> None:
        if not isinstance(name, str) or not isinstance(numpy_array, _ndarray):
            raise TypeError(
                "__init__(): incompatible constructor arguments. The following argument types are supported:\n"
                "    1. c_python_backend_utils.Tensor(arg0: str, arg1: numpy.ndarray)\n\n"
                f"Invoked with: {name!r}, {numpy_array!r}"
            )
        if not name:
            raise TritonModelException("Tensor name cannot be an empty string.")
        self._datatype = datatype_of(numpy_array.dtype)
        self._array = numpy_array if numpy_array.flags.c_contiguous else np.ascontiguousarray(numpy_array)
        self._name = name
        self._shape = numpy_array.shape
        self._data = None

    @classmethod
    def _received(
        cls, name: str, datatype: int, shape: tuple[int, ...], data: bytearray | Array, offset: int, size: int
    ) -> Tensor:
        """Make the tensor of a record whose bytes lie in data."""
        tensor: Tensor = _new(cls)
        tensor._name = name
        tensor._datatype = datatype
        tensor._shape = shape
        tensor._data = data
        tensor._offset = offset
        tensor._size = size
        tensor._array = None
        return tensor

    @staticmethod
    def from_dlpack(name: str, tensor: Any) -> Tensor:
        """Make a tensor of another framework's, without a copy."""
        if not isinstance(name, str):
            raise TypeError(
                "from_dlpack(): incompatible function arguments. The following argument types are supported:\n"
                "    1. (arg0: str, arg1: object) -> c_python_backend_utils.Tensor\n\n"
                f"Invoked with: {name!r}, {tensor!r}"
            )
        if not name:
            raise TritonModelException("Tensor name cannot be an empty string.")
        from . import dlpack  # With ctypes, which most models do without.

        taken = dlpack.take(tensor)
        result: Tensor = _new(Tensor)
        result._name = name
        result._datatype = taken.datatype
        result._shape = taken.shape
        result._data = taken.data
        result._offset = 0
        result._size = taken.size
        result._array = None
        return result

    def name(self) -> str:
        """Return the name."""
        return self._name

    def triton_dtype(self) -> int:
        """Return the number of the datatype."""
        return self._datatype

    def shape(self) -> list[int]:
        """Return the dimensions."""
        return list(self._shape)

    def is_cpu(self) -> bool:
        """Return whether the bytes lie in main memory, as they always do here."""
        return True

    def as_numpy(self) -> Array:
        """Return the array: the one that the tensor was made of, or one upon the bytes that came."""
        array = self._array
        if array is None:
            datatype = self._datatype
            data = self._data
            if datatype == STRING:
                array = strings.decode(memoryview(data)[self._offset : self._offset + self._size])  # type: ignore[arg-type]
                array = array.reshape(self._shape)
            elif datatype == BF16:
                raise TritonModelException(
                    "Tensor dtype is BF16 and cannot be converted to NumPy. Use to_dlpack() and from_dlpack() instead."
                )
            elif self._size:
                array = _ndarray(self._shape, NUMPY_DTYPES[datatype], data, self._offset)
            else:
                array = np.empty(self._shape, NUMPY_DTYPES[datatype])
            self._array = array
        return array

    def to_dlpack(self) -> object:
        """Return a capsule of DLPack upon the same bytes."""
        if self._datatype == STRING:
            raise TritonModelException("DLPack does not have support for string tensors.")
        from . import dlpack

        return dlpack.give(self, self._carrier(), self._datatype)

    def __dlpack__(self, stream: Any = None, **_: Any) -> object:
        return self.to_dlpack()

    def __dlpack_device__(self) -> tuple[int, int]:
        return (_DLPACK_CPU, 0)

    def _carrier(self) -> Array:
        """Return an array of the tensor's shape upon its bytes, whatever the datatype (texts aside)."""
        if self._datatype != BF16:
            return self.as_numpy()
        array = self._array
        if array is None:
            if self._size:
                array = _ndarray(self._shape, BF16_CARRIER, self._data, self._offset)
            else:
                array = np.empty(self._shape, BF16_CARRIER)
            self._array = array
        return array

    def _content(self) -> bytes | Array:
        """Return the bytes as they go into a message: an array in C order, or serialized texts."""
        if self._datatype == STRING:
            data = self._data
            if data is not None:  # As it came: nobody can have changed it.
                start, size = self._offset, self._size
                if isinstance(data, bytearray):
                    return bytes(data[start : start + size])
                return data[start : start + size]
            return strings.encode(self._array)  # type: ignore[arg-type]
        array = self._array
        return self._carrier() if array is None else array
