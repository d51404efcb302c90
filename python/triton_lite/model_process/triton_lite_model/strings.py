"""BYTES tensors: each element with its length before it, as four bytes."""

from __future__ import annotations

from struct import Struct
from typing import TYPE_CHECKING, Any

import numpy as np

from .errors import TritonModelException

if TYPE_CHECKING:
    from .datatypes import Array

_LENGTH = Struct("<I")


def decode(data: bytes | bytearray | memoryview) -> Array:
    """Return the elements, bytes each, as a flat array of objects."""
    elements: list[bytes] = []
    end = len(data)
    offset = 0
    length_of = _LENGTH.unpack_from
    add = elements.append
    while offset < end:
        if offset + 4 > end:
            raise TritonModelException("Invalid bytes tensor data: incomplete length field")
        start = offset + 4
        offset = start + length_of(data, offset)[0]
        if offset > end:
            raise TritonModelException("Invalid bytes tensor data: string extends beyond buffer")
        add(bytes(data[start:offset]))
    array = np.empty(len(elements), np.object_)
    array[:] = elements
    return array


def encode(array: Array) -> bytes:
    """Return the elements in C order; what is not bytes goes as the UTF-8 of its str."""
    parts: list[bytes] = []
    pack = _LENGTH.pack
    elements: list[Any] = array.ravel().tolist()
    for element in elements:
        text = element if type(element) is bytes else str(element).encode("utf-8")
        parts.append(pack(len(text)))
        parts.append(text)
    return b"".join(parts)
