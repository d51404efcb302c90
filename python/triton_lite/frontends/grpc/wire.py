"""As much of protobuf's encoding as a relay needs: to find a field, to add one, to frame a message."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from triton_lite import _native

if TYPE_CHECKING:
    from typing_extensions import Buffer

_VARINT, _FIXED64, _LENGTH, _FIXED32 = 0, 1, 2, 5


def fields(message: Buffer) -> Iterator[tuple[int, int | memoryview]]:
    """Yield (field number, value) of a message: lengths as views, numbers as integers.

    Ends at the first malformed byte: what came before it is still yielded.
    """
    view = memoryview(message).cast("B")
    position = 0
    while position < len(view):
        tag, position = _read_varint(view, position)
        kind = tag & 7
        if kind == _VARINT:
            number, position = _read_varint(view, position)
            if position > len(view):
                return
            yield tag >> 3, number
            continue
        if kind == _LENGTH:
            size, position = _read_varint(view, position)
        elif kind in (_FIXED64, _FIXED32):
            size = 8 if kind == _FIXED64 else 4
        else:
            return
        if position + size > len(view):
            return
        yield tag >> 3, view[position : position + size]
        position += size


def text_field(message: Buffer, number: int) -> str:
    """Return a string field, or "" if it is not there."""
    found = b""
    for field, value in fields(message):
        if field == number and isinstance(value, memoryview):
            found = bytes(value)
    return found.decode("utf-8", "replace")


def id_of(request: bytes) -> str:
    """Return the id of a ModelInferRequest where it stands at its place, right behind name and version; else "".

    Everybody writes it there, and looking further would cost more than all else that is done about a request.
    """
    position, end = 0, len(request)
    for tag in (0x0A, 0x12, 0x1A):
        if position + 1 >= end or request[position] != tag:
            continue
        size = request[position + 1]
        position += 2
        if size > 127:  # The first of two bytes of a length.
            if position >= end or request[position] > 127:
                return ""
            size += (request[position] - 1) << 7
            position += 1
        if tag == 0x1A:
            return request[position : position + size].decode("utf-8", "replace")
        position += size
    return ""


def length_field(number: int, value: bytes | str) -> bytes:
    """Encode a string, bytes or message field."""
    payload = value.encode() if isinstance(value, str) else value
    return _varint(number << 3 | _LENGTH) + _varint(len(payload)) + payload


def number_field(number: int, value: int) -> bytes:
    """Encode an unsigned integer, boolean or enum field."""
    return _varint(number << 3 | _VARINT) + _varint(value)


def _read_varint(view: memoryview, position: int) -> tuple[int, int]:
    """Return (number, position after it); a position past the end when the bytes run out or the number is too long."""
    number = shift = 0
    while position < len(view) and shift < 70:
        byte = view[position]
        position += 1
        number |= (byte & 127) << shift
        if byte < 128:
            return number, position
        shift += 7
    return 0, len(view) + 1


def _varint(number: int) -> bytes:
    encoded = bytearray()
    while number > 127:
        encoded.append(number & 127 | 128)
        number >>= 7
    encoded.append(number)
    return bytes(encoded)


def append(message: bytes, more: bytes) -> bytes:
    """Put fields behind a message.

    A message whose last field is cut stays as it is, for the engine to refuse: it would take them for its own bytes.
    """
    return message + more if _native.is_whole_message(message) else message
