"""One socket of the engine's side in plain Python, with its arena and what reads a model's memory."""

from __future__ import annotations

import ctypes
import mmap
import os
import socket
import struct
import threading
from collections.abc import Callable

from model_process.records import AWAY, HEADER, IN_FILE, REGION, REGION_GONE, ROOM, TENSOR, Value


class Arena:
    """Blocks in memfds, with checks that every one is released once."""

    def __init__(self, connection: socket.socket, region_size: int = 4 << 20) -> None:
        self._connection = connection
        self._region_size = region_size
        self.regions: dict[int, mmap.mmap] = {}
        self._next: dict[int, int] = {}
        self.blocks: dict[int, int] = {}
        self.released = 0
        self._changed = threading.Condition()

    def add_region(self, size: int) -> int:
        number = len(self.regions)
        descriptor = os.memfd_create("arena")
        os.ftruncate(descriptor, size)
        self.regions[number] = mmap.mmap(descriptor, size)
        self._next[number] = 64
        header = HEADER.pack(REGION, 0, number, 0, size)
        rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, struct.pack("i", descriptor))]
        self._connection.sendmsg([header], rights)
        os.close(descriptor)
        return number

    def drop_region(self, number: int) -> None:
        self._connection.send(HEADER.pack(REGION_GONE, 0, number, 0, 0))

    def put(self, data: bytes) -> int:
        with self._changed:
            return self._put(data)

    def _put(self, data: bytes) -> int:
        size = max(len(data), 1)
        if not self.blocks:
            self._next = dict.fromkeys(self._next, 64)
        for number, start in self._next.items():
            if start + size <= len(self.regions[number]):
                break
        else:
            number = self.add_region(max(self._region_size, size + 64))
            start = 64
        self.regions[number][start : start + len(data)] = data
        self._next[number] = start + (size + 63) // 64 * 64
        place = number << 48 | start
        assert place not in self.blocks
        self.blocks[place] = size
        return place

    def read(self, place: int, size: int) -> bytes:
        region, offset = place >> 48, place & (1 << 48) - 1
        assert any(
            start >> 48 == region and start <= place and place + size <= start + length
            for start, length in self.blocks.items()
        ), f"{place:x} lies in no block that the model holds"
        return self.regions[region][offset : offset + size]

    def release(self, place: int) -> None:
        with self._changed:
            del self.blocks[place]
            self.released += 1
            self._changed.notify_all()

    def wait_until_empty(self) -> bool:
        """Wait for releases that are under way."""
        with self._changed:
            return self._changed.wait_for(lambda: not self.blocks, 20)


class Lane:
    """One socket of the engine's, and its arena. read reads the model's memory."""

    def __init__(self, connection: socket.socket, read: Callable[[int, int], bytes] | None) -> None:
        self.connection = connection
        self.arena = Arena(connection)
        self._read = read
        self.away_limit = 32768
        self.away_always = False
        self.sent_away = 0

    def send(self, kind: int, number: int = 0, place: int = 0, body: bytes = b"", flags: int = 0) -> None:
        if len(body) > ROOM:
            place = self.arena.put(body)
            flags |= AWAY
            header = HEADER.pack(kind, flags, number, place, len(body))
            body = b""
        else:
            header = HEADER.pack(kind, flags, number, place, len(body))
        self.connection.send(header + body)

    def receive(self) -> tuple[int, int, int, int, bytes, int | None] | None:
        data, ancillary, _, _ = self.connection.recvmsg(65536, socket.CMSG_SPACE(4))
        if not data:
            return None
        kind, flags, number, place, length = HEADER.unpack_from(data)
        descriptor = struct.unpack("i", ancillary[0][2])[0] if ancillary else None
        body = data[HEADER.size :]
        if flags & AWAY:
            assert not body
            if flags & IN_FILE:
                assert descriptor is not None
                body = os.pread(descriptor, length, place)
            else:
                assert self._read is not None, "an address, though memory cannot be read"
                body = self._read(place, length)
        assert len(body) == length, (kind, len(body), length)
        return kind, flags, number, place, body, descriptor

    def pack(self, head: list[tuple[bytes, list[Value]]], prefix: bytes) -> bytes:
        """Lay out records and tensors; tensors that are large go to the arena."""
        size = len(prefix) + sum(
            len(fixed) + sum(len(self._record(value, 0, 0)) for value in values) for fixed, values in head
        )
        parts, tail, end = [prefix], [], size
        for fixed, values in head:
            parts.append(fixed)
            for value in values:
                if self.away_always or len(value.data) > self.away_limit:
                    self.sent_away += 1
                    parts.append(self._record(value, 1, self.arena.put(value.data)))
                    continue
                padding = -end % 16
                tail.append(bytes(padding) + value.data)
                parts.append(self._record(value, 0, end + padding))
                end += padding + len(value.data)
        return b"".join(parts + tail)

    @staticmethod
    def _record(value: Value, where: int, place: int) -> bytes:
        name = value.name.encode()
        return (
            TENSOR.pack(len(name), value.datatype, len(value.shape), where, place, len(value.data))
            + struct.pack(f"<{len(value.shape)}q", *value.shape)
            + name
            + bytes(-len(name) % 8)
        )

    def tensors(
        self, body: bytes, offset: int, count: int, flags: int, descriptor: int | None
    ) -> tuple[list[Value], int, bool]:
        """Read tensors; also say whether any lay at an address."""
        values, addressed = [], False
        for _ in range(count):
            name_length, datatype, dimensions, where, place, size = TENSOR.unpack_from(body, offset)
            offset += TENSOR.size
            shape = struct.unpack_from(f"<{dimensions}q", body, offset)
            offset += 8 * dimensions
            name = body[offset : offset + name_length].decode()
            offset += (name_length + 7) // 8 * 8
            if where == 0:
                assert place % 16 == 0 and place + size <= len(body)
                data = body[place : place + size]
            elif where == 1:
                if flags & IN_FILE:
                    assert descriptor is not None
                    data = os.pread(descriptor, size, place)
                else:
                    assert self._read is not None
                    data = self._read(place, size)
                    addressed = True
            else:
                data = self.arena.read(place, size)
            assert len(data) == size
            values.append(Value(name, datatype, shape, data, where, place))
        return values, offset, addressed

    def release(self, body: bytes) -> None:
        for (place,) in struct.iter_unpack("<Q", body):
            self.arena.release(place)


def memory_of(process: int) -> Callable[[int, int], bytes]:
    """Return what reads the memory of a process."""

    def read(address: int, size: int) -> bytes:
        with open(f"/proc/{process}/mem", "rb", buffering=0) as memory:
            return os.pread(memory.fileno(), size, address)

    return read


def own_memory(address: int, size: int) -> bytes:
    """Read this process's memory."""
    return ctypes.string_at(address, size)
