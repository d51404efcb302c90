"""What travels on a model's sockets, as tests write and read it."""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from typing import Any

import numpy as np

HEADER = struct.Struct("<IIQQQ")
REQUEST = struct.Struct("<QQQQIIIIIIII")
TENSOR = struct.Struct("<IIIIQQ")
RESPONSE = struct.Struct("<QIIIII4x")
INFER = struct.Struct("<QQQQIIIIIIIIqQ")
ROOM = 65536 - HEADER.size
REGION, REGION_GONE, EXECUTE, TAKEN = 1, 2, 3, 4
RESPONSES, EXECUTED, RELEASE = 16, 17, 18
INFER_KIND, CANCEL_INFER, IS_CANCELLED = 32, 33, 34
INFER_RESPONSE, CANCELLED = 48, 49
AWAY, IN_FILE, LAST = 1, 2, 4

NUMBERS = {
    np.dtype(bool): 1,
    np.dtype(np.uint8): 2,
    np.dtype(np.uint16): 3,
    np.dtype(np.uint32): 4,
    np.dtype(np.uint64): 5,
    np.dtype(np.int8): 6,
    np.dtype(np.int16): 7,
    np.dtype(np.int32): 8,
    np.dtype(np.int64): 9,
    np.dtype(np.float16): 10,
    np.dtype(np.float32): 11,
    np.dtype(np.float64): 12,
}
DTYPES = {number: dtype for dtype, number in NUMBERS.items()}
BYTES, BF16 = 13, 14


@dataclass
class Value:
    """A tensor as it travels."""

    name: str
    datatype: int
    shape: tuple[int, ...]
    data: bytes
    where: int = 0
    place: int = 0

    @classmethod
    def of(cls, name: str, array: np.ndarray[Any, Any]) -> Value:
        if array.dtype == object:
            data = b"".join(struct.pack("<I", len(element)) + element for element in array.ravel().tolist())
            return cls(name, BYTES, array.shape, data)
        return cls(name, NUMBERS[array.dtype], array.shape, np.ascontiguousarray(array).tobytes())

    @property
    def array(self) -> np.ndarray[Any, Any]:
        if self.datatype == BYTES:
            elements, offset = [], 0
            while offset < len(self.data):
                (length,) = struct.unpack_from("<I", self.data, offset)
                elements.append(self.data[offset + 4 : offset + 4 + length])
                offset += 4 + length
            array = np.empty(len(elements), object)
            array[:] = elements
            return array.reshape(self.shape)
        return np.frombuffer(self.data, DTYPES[self.datatype]).reshape(self.shape)


@dataclass
class Asked:
    """A request as the engine sends it."""

    inputs: list[Value]
    key: int = 0
    id: str = ""
    correlation: int | str = 0
    timeout: int = 0
    priority: int = 0
    flags: int = 0
    parameters: str = ""
    trace: str = ""
    outputs: str = ""


@dataclass
class Answer:
    """A response record."""

    key: int
    flags: int
    code: int
    error: str
    parameters: str
    outputs: list[Value]

    @property
    def final(self) -> bool:
        return bool(self.flags & 4)

    def output(self, name: str) -> np.ndarray[Any, Any]:
        return next(value for value in self.outputs if value.name == name).array


@dataclass
class Inference:
    """What a model asked of another."""

    number: int
    parent: int
    correlation: int | str
    timeout: int
    priority: int
    flags: int
    model: str
    id: str
    parameters: str
    outputs: list[str]
    trace: str
    version: int
    decoupled: bool
    inputs: list[Value]


@dataclass
class Reply:
    """What INFER is answered with: one message."""

    outputs: list[Value] = field(default_factory=list)
    error: str = ""
    code: int = 0
    parameters: str = ""
    last: bool = True
    empty: bool = False
