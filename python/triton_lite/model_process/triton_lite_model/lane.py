"""One of the two sockets of messages, with the arena that belongs to it."""

from __future__ import annotations

import array
import os
import socket
import threading
import weakref
from collections import deque
from typing import TYPE_CHECKING, Callable, NamedTuple

from .arena import Arena
from .files import MemoryFile
from .protocol import (
    AWAY,
    HEADER,
    IN_FILE,
    MESSAGE_SIZE,
    NUMBER_COUNT,
    NUMBER_SHIFT,
    PAUSE,
    PLACE,
    REGION,
    REGION_GONE,
    RELEASE,
    RESUME,
    TAKEN,
)

if TYPE_CHECKING:
    from .datatypes import Array
    from .encode import Body
    from .second_look import SecondLook

_ROOM_FOR_DESCRIPTOR = socket.CMSG_SPACE(4)
# As plain numbers: members of enumerations take their time to be combined.
DONT_WAIT = int(socket.MSG_DONTWAIT)
_CLOSE_ON_EXEC = int(socket.MSG_CMSG_CLOEXEC)
_MOST_UNTAKEN = 64 << 20
_LOOK_AGAIN = 0.05
# Responses between two looks whether the engine wants a sender to wait, where nobody reads what it says.
_SENDS_BETWEEN_LOOKS = 16
_MOST_RELEASES = (MESSAGE_SIZE - HEADER.size) // PLACE.size


class Message(NamedTuple):
    """What the engine sent, other than what concerns the lane itself."""

    kind: int
    flags: int
    id: int
    place: int
    body: bytearray | Array


_lanes: weakref.WeakSet[Lane] = weakref.WeakSet()
_OWN = Message(0, 0, 0, 0, bytearray())


class Lane:
    """Sends and takes messages; knows the blocks that are leased and the memory that the engine has still to read."""

    def __init__(
        self, connection: socket.socket, *, read_memory: bool = True, second_look: SecondLook | None = None
    ) -> None:
        self.read_memory = read_memory
        self._second_look = second_look
        self.arena = Arena(self.give_back)
        self.gathering = False
        """True while a message that takes releases along is under way: then leases that end wait for it."""
        self.released: deque[int] = deque()
        _lanes.add(self)
        self._connection = connection
        self._send = connection.send
        self._receive = connection.recvmsg_into
        self._buffer = bytearray(MESSAGE_SIZE)
        self._buffers = [self._buffer]
        self._sending = threading.RLock()
        self._number = 0
        self._untaken: dict[int, Body] = {}
        self._untaken_size = 0
        self._reading = threading.Lock()
        self._pending: deque[Message | None] = deque()
        self._taken = threading.Condition()
        self._waiting = 0
        self._paused: set[int] = set()
        self._sends = 0
        self._wanted = 0
        self.on_pending: Callable[[], object] | None = None
        """Called when a message waits that the socket will not announce again."""

    def fileno(self) -> int:
        """Return the socket's number, to wait for."""
        return self._connection.fileno()

    def close(self) -> None:
        """Close the socket: the engine sees the end."""
        self._connection.close()

    @property
    def untaken(self) -> int:
        """Messages whose memory the engine has still to read."""
        return len(self._untaken)

    def receive(self, flags: int = 0) -> Message | None:
        """Wait for the next message; None at the end. With DONT_WAIT it may raise BlockingIOError."""
        if self._pending:
            return self._pending.popleft()
        self._wanted += 1
        with self._reading:
            self._wanted -= 1
            if self._pending:
                return self._pending.popleft()
            message: Message | None = _OWN
            if self._second_look is not None and not flags:
                message = self._second_look.look(self._read_now, _OWN)
            while message is _OWN:
                message = self._read(flags)
            return message

    def _read_now(self) -> Message | None:
        return self._read(DONT_WAIT)

    def _read(self, flags: int) -> Message | None:
        """Read one message; what concerns the lane itself is done and nothing for anybody else (_OWN)."""
        size, ancillary, _, _ = self._receive(self._buffers, _ROOM_FOR_DESCRIPTOR, flags | _CLOSE_ON_EXEC)
        if size == 0:
            return None
        kind, message_flags, number, place, length = HEADER.unpack_from(self._buffer)
        if kind == TAKEN:
            self._take(number)
        elif kind == PAUSE:
            self._paused.add(number)
        elif kind == RESUME:
            self._paused.discard(number)
            self._tell_waiting()
        elif kind == REGION:
            self.arena.add(number, _descriptor(ancillary), length)
        elif kind == REGION_GONE:
            self.arena.drop(number)
        elif message_flags & AWAY:
            return Message(kind, message_flags, number, place, self.arena.lease(place, length))
        else:
            return Message(kind, message_flags, number, place, self._buffer[32:size])
        return _OWN

    def _take(self, number: int) -> None:
        held = self._untaken.pop(number, None)
        if held is not None:
            with self._taken:
                self._untaken_size -= held.held_size
        self._tell_waiting()

    def _tell_waiting(self) -> None:
        if self._waiting:
            with self._taken:
                self._taken.notify_all()

    def make_room(self, key: int = 0) -> None:
        """Wait while the engine has much to read of this process's memory, or the client of request `key` much to take.

        The thread that serves may be deep in the model meanwhile, so whoever waits also reads the socket.
        """
        self._sends += 1
        if self._sends >= _SENDS_BETWEEN_LOOKS:
            self._sends = 0
            self._look()
        while self._untaken_size > _MOST_UNTAKEN or key in self._paused:
            # Where the thread that serves wants the socket and there is something for it, it goes first.
            if not (self._wanted and self._pending) and self._reading.acquire(blocking=False):
                if not self._read_one(0):
                    return
            else:
                with self._taken:
                    self._waiting += 1
                    self._taken.wait(_LOOK_AGAIN)
                    self._waiting -= 1

    def has_room(self, key: int = 0) -> bool:
        """Return whether `make_room` returns at once when it is called next, for threads that cannot wait in it."""
        self._sends = 0
        self._look()
        return self._untaken_size <= _MOST_UNTAKEN and key not in self._paused

    def _look(self) -> None:
        """Read what is there, unless somebody reads."""
        try:
            while self._reading.acquire(blocking=False) and self._read_one(DONT_WAIT):
                pass
        except BlockingIOError:
            return

    def _read_one(self, flags: int) -> bool:
        """Read a message for the thread that serves, having acquired the right to read; False at the end."""
        try:
            message = self._read(flags)
        finally:
            self._reading.release()
        if message is not _OWN:
            self._pending.append(message)
            if self.on_pending is not None:
                self.on_pending()
        return message is not None

    def send(self, kind: int, number: int = 0, place: int = 0) -> None:
        """Send a message without body."""
        self._send(HEADER.pack(kind, 0, number, place, 0))

    def send_body(self, kind: int, number: int, body: Body, *, numbered: bool, place: int = 0) -> None:
        """Send a body; numbered ones keep what they refer to until the engine has taken it."""
        file = body.file
        flags = 0 if file is None else IN_FILE
        if body.away is not None:
            flags |= AWAY
            place = body.away
        with self._sending:
            if numbered:
                sequence = self._number = self._number % NUMBER_COUNT + 1
                flags |= sequence << NUMBER_SHIFT
                if body.held:
                    self._untaken[sequence] = body
                    with self._taken:
                        self._untaken_size += body.held_size
            message = HEADER.pack(kind, flags, number, place, body.length) + b"".join(body.parts)
            if file is None:
                self._send(message)
            else:
                self._send_with(message, file)

    def give_back(self, place: int) -> None:
        """Note a lease that has ended: any thread, any moment, also amid a garbage collection."""
        self.released.append(place)
        if not self.gathering:
            self.flush()

    def flush(self) -> None:
        """Tell the engine of all leases that have ended."""
        released = self.released
        while released:
            places: list[int] = []
            try:
                while len(places) < _MOST_RELEASES:
                    places.append(released.popleft())
            except IndexError:
                pass
            if not places:
                return
            header = HEADER.pack(RELEASE, 0, 0, 0, PLACE.size * len(places))
            try:
                self._send(header + array.array("Q", places).tobytes(), DONT_WAIT)
            except BlockingIOError:
                released.extend(places)  # With the next message, then.
                return
            except OSError:
                return  # The engine is gone, and all its memory with it.

    def _send_with(self, message: bytes, file: MemoryFile) -> None:
        with file:
            descriptors = array.array("i", [file.fileno()])
            self._connection.sendmsg([message], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, descriptors)])


def _let_go() -> None:
    """Close the sockets in a forked child: what it drops or reads is its parent's."""
    for lane in list(_lanes):
        lane.close()


os.register_at_fork(after_in_child=_let_go)


def _descriptor(ancillary: list[tuple[int, int, bytes]]) -> int:
    descriptors = array.array("i")
    for level, kind, data in ancillary:
        if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
            descriptors.frombytes(data[: len(data) - len(data) % descriptors.itemsize])
    return descriptors[0]
