"""Datatypes: the numbers of ModelConfig, numpy's types, sizes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from .errors import TritonModelException

if TYPE_CHECKING:
    Array = np.ndarray[Any, Any]
    DType = np.dtype[Any]

BOOL = 1
STRING = 13
BF16 = 14

NUMPY_DTYPES: dict[int, DType] = {
    1: np.dtype(np.bool_),
    2: np.dtype(np.uint8),
    3: np.dtype(np.uint16),
    4: np.dtype(np.uint32),
    5: np.dtype(np.uint64),
    6: np.dtype(np.int8),
    7: np.dtype(np.int16),
    8: np.dtype(np.int32),
    9: np.dtype(np.int64),
    10: np.dtype(np.float16),
    11: np.dtype(np.float32),
    12: np.dtype(np.float64),
}
"""What numpy holds as it lies in memory: neither texts nor BF16."""

BF16_CARRIER = np.dtype(np.uint16)
"""The bytes of BF16, which numpy has no type for."""

_NUMBERS: dict[DType, int] = {dtype: number for number, dtype in NUMPY_DTYPES.items()}


def datatype_of(dtype: DType) -> int:
    """Return the number of a numpy type, with Triton's refusal of types that it lacks."""
    number = _NUMBERS.get(dtype)
    if number is not None:
        return number
    if dtype == np.object_ or dtype.type is np.bytes_:
        return STRING
    number = _number_of_equal(dtype)
    if number is None:
        raise TritonModelException("NumPy dtype is not supported.")
    return number


def _number_of_equal(dtype: DType) -> int | None:
    """Find types of other names and the same layout (np.longlong), once each."""
    for known, number in list(_NUMBERS.items()):
        if dtype == known:
            _NUMBERS[dtype] = number
            return number
    return None
