"""Writes bodies: responses and requests, with each tensor in the message, by place, by address, or in a file.

A body is made in two steps. First everything that is to be sent is noted; then the caller lets go of what it holds of
the model's objects, and the body is written: only now is it known which arrays belong to nobody else and may stay where
they are until the engine has read them, and which blocks of the engine go back with this very message.
"""

from __future__ import annotations

import sys
from struct import Struct
from typing import TYPE_CHECKING, Any

import numpy as np

from .arena import Lease
from .files import MemoryFile
from .protocol import COUNTS, ELSEWHERE, HEADER, IN_ARENA, INLINE, MESSAGE_SIZE, PLACE, TENSOR

if TYPE_CHECKING:
    from collections import deque

    from .datatypes import Array
    from .lane import Lane
    from .tensor import Tensor

LARGE = 32768
"""Tensors of more bytes do not travel in the message."""

_ROOM = MESSAGE_SIZE - HEADER.size
_MOST_RELEASES = 64
_PADDING = [bytes(count) for count in range(16)]
_BYTE = np.dtype(np.uint8)
_ndarray = np.ndarray
_pack_tensor = TENSOR.pack
_pack_counts = COUNTS.pack

_suffixes: dict[tuple[str, tuple[int, ...]], tuple[int, bytes]] = {}


def _suffix_of(name: str, shape: tuple[int, ...]) -> tuple[int, bytes]:
    """Return the length of a name, and what follows the fixed part of a record: dimensions and name."""
    known = _suffixes.get((name, shape))
    if known is None:
        text = name.encode("utf-8")
        suffix = Struct(f"<{len(shape)}q").pack(*shape) + text + bytes(-len(text) % 8)
        if len(_suffixes) >= 1024:
            _suffixes.clear()
        known = _suffixes[name, shape] = (len(text), suffix)
    return known


class Body:
    """A body ready to be sent: its parts or, where it is too long for a message, where it lies."""

    __slots__ = ("away", "file", "held", "held_size", "length", "parts")

    def __init__(self, parts: list[Any], length: int) -> None:
        self.parts = parts
        self.length = length
        self.held: list[object] = []
        self.held_size = 0
        self.file: MemoryFile | None = None
        self.away: int | None = None


class Draft:
    """A body in the making: records, and the tensors whose bytes have still to find their places."""

    __slots__ = ("_bytes", "_contents", "_counts", "_inline", "_large", "_parts", "_size")

    def __init__(self, counts: bool = True) -> None:
        self._counts = counts
        self._parts: list[Any] = [b""]
        self._size = 8 if counts else 0
        self._contents: list[tuple[int, int, int, int, int]] = []
        self._bytes: list[bytes | Array] = []
        self._inline = 0
        self._large = False

    def add(self, part: bytes) -> None:
        """Add the fixed part of a record, texts and all, padded to 8."""
        self._parts.append(part)
        self._size += len(part)

    def add_tensor(self, tensor: Tensor) -> None:
        """Add a tensor's record."""
        content = tensor._content()
        size = len(content) if type(content) is bytes else content.nbytes  # type: ignore[union-attr]
        shape = tensor._shape
        name_length, suffix = _suffix_of(tensor._name, shape)
        if size > LARGE:
            self._large = True
        parts = self._parts
        self._contents.append((len(parts), name_length, tensor._datatype, len(shape), size))
        self._bytes.append(content)
        parts.append(suffix)
        self._size += 32 + len(suffix)
        self._inline += size + 15

    def write(
        self, lane: Lane, count: int = 0, leases: int = 0, released: deque[int] | None = None, *, waits: bool = False
    ) -> Body:
        """Place all tensors and write the body.

        leases is how many of the engine's blocks may have ended by now: places are set aside for those in released.
        With waits, arrays go by address even if somebody else has them: the model waits until they were read.
        """
        parts = self._parts
        reserved = 0
        if released is not None and (leases or released):
            reserved = min(max(leases, len(released)), _MOST_RELEASES)
        end = self._size + 8 * reserved
        if self._large or end + self._inline > _ROOM:
            return self._write_large(lane, count, reserved, released, waits)
        tail = self._bytes
        if len(tail) == 1:
            # The usual case, in fewer steps.
            index, name_length, datatype, dimensions, size = self._contents[0]
            padding = -end & 15
            parts[index] = _pack_tensor(name_length, datatype, dimensions, INLINE, end + padding, size) + parts[index]
            end += padding + size
            if padding:
                tail.insert(0, _PADDING[padding])
        else:
            tail = []
            for (index, name_length, datatype, dimensions, size), content in zip(self._contents, self._bytes):
                padding = -end & 15
                if padding:
                    tail.append(_PADDING[padding])
                    end += padding
                parts[index] = _pack_tensor(name_length, datatype, dimensions, INLINE, end, size) + parts[index]
                tail.append(content)
                end += size
        if reserved:
            self._finish_head(count, reserved, released)
        elif self._counts:
            parts[0] = _pack_counts(count, 0)
        parts += tail
        return Body(parts, end)

    def _write_large(self, lane: Lane, count: int, reserved: int, released: deque[int] | None, waits: bool) -> Body:
        parts = self._parts
        end = self._size + 8 * reserved
        away = end > _ROOM
        room = sys.maxsize if away else _ROOM
        body = Body(parts, 0)
        tail: list[Any] = []
        contents = self._bytes
        for at, (index, name_length, datatype, dimensions, size) in enumerate(self._contents):
            padding = -end & 15
            if size <= LARGE and end + padding + size <= room:
                where, place = INLINE, end + padding
                tail.append(_PADDING[padding])
                tail.append(contents[at])
                end = place + size
            else:
                where, place = _place_elsewhere(lane, body, contents, at, size, waits)
            parts[index] = _pack_tensor(name_length, datatype, dimensions, where, place, size) + parts[index]
        contents.clear()
        self._finish_head(count, reserved, released)
        parts += tail
        body.length = end
        if away:
            _send_away(lane, body)
        return body

    def _finish_head(self, count: int, reserved: int, released: deque[int] | None) -> None:
        """Write the counts, and after the records the places of blocks that go back, in the room set aside."""
        places: list[int] = []
        if released is not None:
            while len(places) < reserved and released:
                try:
                    places.append(released.popleft())
                except IndexError:  # Another thread was quicker.
                    break
        if self._counts:
            self._parts[0] = _pack_counts(count, len(places))
        if reserved:
            self._parts.append(b"".join(map(PLACE.pack, places)) + bytes(8 * (reserved - len(places))))


def _place_elsewhere(
    lane: Lane, body: Body, contents: list[bytes | Array], at: int, size: int, waits: bool
) -> tuple[int, int]:
    """Return where a tensor's bytes lie, outside of the message; the body holds what must stay there."""
    if type(contents[at]) is bytes:
        contents[at] = np.frombuffer(contents[at], _BYTE)
        private = True
    else:
        private = waits
        if not contents[at].flags.c_contiguous:  # type: ignore[union-attr]
            contents[at] = np.ascontiguousarray(contents[at])
    address = _address_of(contents[at])
    private = private or _is_private(contents, at)
    if private:
        place = lane.arena.place_of(address, size)
        if place is not None:
            return IN_ARENA, place
    if not lane.read_memory:
        if body.file is None:
            body.file = MemoryFile()
        return ELSEWHERE, body.file.write(_ndarray((size,), _BYTE, contents[at]))
    if not private:
        contents[at] = np.array(contents[at])
        address = _address_of(contents[at])
    body.held.append(contents[at])
    body.held_size += size
    return ELSEWHERE, address


def _send_away(lane: Lane, body: Body) -> None:
    """Put the body itself elsewhere."""
    whole = np.frombuffer(b"".join(body.parts), _BYTE)
    body.parts = []
    if lane.read_memory:
        body.held.append(whole)
        body.held_size += whole.nbytes
        body.away = _address_of(whole)
    else:
        if body.file is None:
            body.file = MemoryFile()
        body.away = body.file.write(whole)


def _address_of(content: Any) -> int:
    address: int = content.__array_interface__["data"][0]
    return address


def _references(holder: list[Any], at: int) -> int:
    return sys.getrefcount(holder[at])


_ALONE = _references([object()], 0)


def _is_private(holder: list[Any], at: int) -> bool:
    """Return whether nobody but the holder has this array, or another upon the same memory."""
    expected = _ALONE
    while True:
        if _references(holder, at) != expected:
            return False
        kind = type(holder[at])
        if kind is not _ndarray:
            return kind is Lease or kind is bytes or kind is bytearray
        holder, at = [holder[at].base], 0
        if holder[0] is None:
            return True
        expected = _ALONE + 1
