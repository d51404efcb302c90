"""DLPack without a compiler: capsules made and taken with ctypes."""

from __future__ import annotations

import ctypes
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from .datatypes import BF16, NUMPY_DTYPES
from .errors import TritonModelException

if TYPE_CHECKING:
    from .datatypes import Array

CPU = 1
_CUDA = 2
_CUDA_HOST = 3

_INT, _UINT, _FLOAT, _BFLOAT, _BOOL = 0, 1, 2, 4, 6

_TYPES = {
    1: (_BOOL, 8),
    2: (_UINT, 8),
    3: (_UINT, 16),
    4: (_UINT, 32),
    5: (_UINT, 64),
    6: (_INT, 8),
    7: (_INT, 16),
    8: (_INT, 32),
    9: (_INT, 64),
    10: (_FLOAT, 16),
    11: (_FLOAT, 32),
    12: (_FLOAT, 64),
    BF16: (_BFLOAT, 16),
}
_DATATYPES = {type_: number for number, type_ in _TYPES.items()}


class _Device(ctypes.Structure):
    _fields_ = (("type", ctypes.c_int32), ("id", ctypes.c_int32))


class _DataType(ctypes.Structure):
    _fields_ = (("code", ctypes.c_uint8), ("bits", ctypes.c_uint8), ("lanes", ctypes.c_uint16))


class _Tensor(ctypes.Structure):
    _fields_ = (
        ("data", ctypes.c_void_p),
        ("device", _Device),
        ("ndim", ctypes.c_int32),
        ("dtype", _DataType),
        ("shape", ctypes.POINTER(ctypes.c_int64)),
        ("strides", ctypes.POINTER(ctypes.c_int64)),
        ("byte_offset", ctypes.c_uint64),
    )


class _ManagedTensor(ctypes.Structure):
    pass


_Deleter = ctypes.CFUNCTYPE(None, ctypes.POINTER(_ManagedTensor))
_ManagedTensor._fields_ = [("tensor", _Tensor), ("manager", ctypes.c_void_p), ("deleter", _Deleter)]

# Destructors of capsules run as a part of the interpreter, so they are called with its lock held. Those of managed
# tensors may be called without: CFUNCTYPE takes the lock.
_Destructor = ctypes.PYFUNCTYPE(None, ctypes.c_void_p)

_python = ctypes.pythonapi
_new_capsule = ctypes.PYFUNCTYPE(ctypes.py_object, ctypes.c_void_p, ctypes.c_char_p, ctypes.c_void_p)(
    ("PyCapsule_New", _python)
)
_pointer_of = ctypes.PYFUNCTYPE(ctypes.c_void_p, ctypes.py_object, ctypes.c_char_p)(("PyCapsule_GetPointer", _python))
_is_valid = ctypes.PYFUNCTYPE(ctypes.c_int, ctypes.py_object, ctypes.c_char_p)(("PyCapsule_IsValid", _python))
_set_name = ctypes.PYFUNCTYPE(ctypes.c_int, ctypes.py_object, ctypes.c_char_p)(("PyCapsule_SetName", _python))
# In a destructor the capsule has no reference left: it must not become an object of Python's again.
_is_valid_raw = ctypes.PYFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_char_p)(("PyCapsule_IsValid", _python))
_pointer_raw = ctypes.PYFUNCTYPE(ctypes.c_void_p, ctypes.c_void_p, ctypes.c_char_p)(("PyCapsule_GetPointer", _python))

_NAME = b"dltensor"
_USED_NAME = b"used_dltensor"

# By the address of the managed tensor: it, its dimensions, and what keeps the bytes alive.
_given: dict[int, tuple[_ManagedTensor, Any, object, object]] = {}


@_Deleter  # type: ignore[untyped-decorator,unused-ignore]
def _forget(managed: Any) -> None:
    _given.pop(ctypes.addressof(managed.contents), None)


@_Destructor  # type: ignore[untyped-decorator,unused-ignore]
def _destroy(capsule: int) -> None:
    if _is_valid_raw(capsule, _NAME):
        pointer = _pointer_raw(capsule, _NAME)
        if pointer:
            _given.pop(pointer, None)


def give(owner: object, array: Array, datatype: int) -> object:
    """Return a capsule upon the array's bytes; owner stays alive as long as somebody uses them."""
    dimensions = (ctypes.c_int64 * max(array.ndim, 1))(*array.shape)
    code, bits = _TYPES[datatype]
    managed = _ManagedTensor()
    tensor = managed.tensor
    tensor.data = array.__array_interface__["data"][0]
    tensor.device = _Device(CPU, 0)
    tensor.ndim = array.ndim
    tensor.dtype = _DataType(code, bits, 1)
    tensor.shape = ctypes.cast(dimensions, ctypes.POINTER(ctypes.c_int64))
    managed.deleter = _forget
    address = ctypes.addressof(managed)
    _given[address] = (managed, dimensions, owner, array)
    capsule: object = _new_capsule(address, _NAME, ctypes.cast(_destroy, ctypes.c_void_p))
    return capsule


class Taken(NamedTuple):
    """What a capsule held: an array upon its bytes, and what they are."""

    datatype: int
    shape: tuple[int, ...]
    data: Array
    size: int


class _Held:
    """A managed tensor of another framework, deleted when the last array upon it is gone."""

    __slots__ = ("__array_interface__", "_pointer")

    def __init__(self, pointer: int, address: int, size: int) -> None:
        self._pointer = pointer
        self.__array_interface__ = {"shape": (size,), "typestr": "|u1", "data": (address, False), "version": 3}

    def __del__(self) -> None:
        managed = ctypes.cast(self._pointer, ctypes.POINTER(_ManagedTensor))
        deleter = managed.contents.deleter
        if deleter:
            deleter(managed)


def take(source: Any) -> Taken:
    """Take a capsule, or the tensor of another framework, without a copy."""
    if type(source).__name__ == "PyCapsule":
        return _take_capsule(source)
    if not hasattr(source, "__dlpack__") or not hasattr(source, "__dlpack_device__"):
        raise TritonModelException(
            "Provided tensor is not supported. Tensor must be a DLPack capsule         or have `__dlpack__` and "
            "`__dlpack_device__` attributes"
        )
    device = int(source.__dlpack_device__()[0])
    if device == _CUDA:
        raise TritonModelException(
            "DLPack capsule passed pointer to memory allocated on GPU device,           when GPU is not available"
        )
    if device not in (CPU, _CUDA_HOST):
        raise TritonModelException(f"DLDevice type {device} is not support by Python backend.")
    try:
        capsule = source.__dlpack__(stream=None)
    except (BufferError, TypeError, RuntimeError):
        if not isinstance(source, np.ndarray):
            raise
        capsule = _capsule_of_array(source)
    return _take_capsule(capsule)


def _capsule_of_array(array: Array) -> object:
    """Give what numpy itself will not: arrays that may not be written, and truth values in old releases."""
    if not array.flags.c_contiguous:
        raise TritonModelException(_NOT_CONTIGUOUS)
    datatype = next((number for number, dtype in NUMPY_DTYPES.items() if dtype == array.dtype), None)
    if datatype is None:
        raise TritonModelException("NumPy dtype is not supported.")
    return give(array, array, datatype)


_NOT_CONTIGUOUS = (
    "DLPack tensor is not contiguous. Only contiguous DLPack tensors that are stored in C-Order are supported."
)


def _take_capsule(capsule: object) -> Taken:
    pointer: int = _pointer_of(capsule, _NAME)  # Raises ValueError for a capsule of another name.
    managed = ctypes.cast(pointer, ctypes.POINTER(_ManagedTensor)).contents
    tensor = managed.tensor
    ndim = tensor.ndim
    shape = tuple(tensor.shape[index] for index in range(ndim))
    if tensor.strides:
        expected = 1
        for index in range(ndim - 1, 0, -1):
            if shape[index] != 1:
                if tensor.strides[index] != expected:
                    raise TritonModelException(_NOT_CONTIGUOUS)
                expected *= shape[index]
    device = tensor.device.type
    if device not in (CPU, _CUDA_HOST):
        raise TritonModelException(f"DLDevice type {device} is not support by Python backend.")
    code, bits = tensor.dtype.code, tensor.dtype.bits
    datatype = _DATATYPES.get((code, bits)) if tensor.dtype.lanes == 1 else None
    if datatype is None:
        if code == _BFLOAT and tensor.dtype.lanes == 1:
            raise TritonModelException(f"Expected BF16 tensor to have 16 bits, but had: {bits}")
        raise TritonModelException("Dtype is invalid.")
    size = (bits + 7) // 8
    for dimension in shape:
        size *= dimension
    _set_name(capsule, _USED_NAME)
    held: Any = _Held(pointer, (tensor.data or 0) + tensor.byte_offset, size)
    return Taken(datatype, shape, np.asarray(held), size)
