"""Numbers and layouts of the messages between the engine and a model's process (all little endian)."""

from __future__ import annotations

from struct import Struct

MESSAGE_SIZE = 65536
"""The most bytes that one message has, header and all; larger bodies lie elsewhere (AWAY)."""

HEADER = Struct("<IIQQQ")  # kind, flags, id, place, length
COUNTS = Struct("<II")
REQUEST = Struct("<QQQQIIIIIIII")
TENSOR = Struct("<IIIIQQ")  # name length, datatype, dimensions, where, place, byte size
RESPONSE = Struct("<QIIIII4x")  # key, flags, error code, error length, parameters length, outputs
INFER = Struct("<QQQQIIIIIIIIqQ")

REGION = 1
REGION_GONE = 2
EXECUTE = 3
TAKEN = 4
PAUSE = 5
RESUME = 6
RESPONSES = 16
EXECUTED = 17
RELEASE = 18
INFER_REQUEST = 32
CANCEL_INFER = 33
IS_CANCELLED = 34
INFER_RESPONSE = 48
CANCELLED = 49

AWAY = 1
IN_FILE = 2
LAST = 4
NUMBER_SHIFT = 8
NUMBER_COUNT = (1 << 24) - 1

INLINE = 0
ELSEWHERE = 1
IN_ARENA = 2

HAS_RESPONSE = 1
HAS_ERROR = 2
FINAL = 4
RESCHEDULED = 8
RAISED = 16

JOINS_TRACE = 1 << 31

REGION_SHIFT = 48
OFFSET_MASK = (1 << REGION_SHIFT) - 1
PLACE = Struct("<Q")
