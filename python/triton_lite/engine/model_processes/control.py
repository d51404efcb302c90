"""The control socket of a model process: one JSON object a line, both ways."""

from __future__ import annotations

import json
import logging
import socket
from collections.abc import Callable
from typing import Any

from triton_lite.engine.model_processes.reactor import Reactor

_log = logging.getLogger(__name__)

_READ_BYTE_SIZE = 1 << 16
# Far beyond any model's files in a load call: only a process that has gone mad sends more.
_LONGEST_MESSAGE = 4 << 30

Message = dict[str, Any]


class ControlChannel:
    """Reads and writes messages without blocking. Everything in the reactor's thread.

    on_message: called with each message. on_end: called once, when the other side has closed the socket or sends
    nonsense.
    """

    def __init__(
        self,
        reactor: Reactor,
        connection: socket.socket,
        on_message: Callable[[Message], None],
        on_end: Callable[[], None],
    ) -> None:
        self._reactor = reactor
        self._socket = connection
        self._on_message = on_message
        self._on_end = on_end
        self._received: list[bytes] = []
        self._received_byte_size = 0
        self._waiting = bytearray()
        self._open = True
        connection.setblocking(False)
        reactor.watch(connection.fileno(), self._ready)

    def send(self, message: Message) -> None:
        """Send a message; one that cannot be read right now waits. Nothing happens once the channel has ended."""
        if not self._open:
            return
        self._waiting += json.dumps(message, separators=(",", ":")).encode() + b"\n"
        self._write()

    def drain(self) -> None:
        """Read what the other side sent before it ended."""
        while self._open and self._read():
            pass

    def close(self) -> None:
        """Close the socket. Idempotent; on_end is not called any more."""
        if self._open:
            self._open = False
            self._reactor.forget(self._socket.fileno())
        self._socket.close()

    def _ready(self) -> None:
        if self._waiting:
            self._write()
        if self._open:
            self._read()

    def _write(self) -> None:
        try:
            while self._waiting:
                del self._waiting[: self._socket.send(self._waiting, socket.MSG_NOSIGNAL)]
        except BlockingIOError:
            pass
        except OSError:
            self._waiting.clear()  # The end is read, too, after what was sent before it.
        if self._open:
            self._reactor.watch(self._socket.fileno(), self._ready, writing=bool(self._waiting))

    def _read(self) -> bool:
        """Read once. Returns whether there was anything."""
        try:
            data = self._socket.recv(_READ_BYTE_SIZE)
        except BlockingIOError:
            return False
        except OSError:
            data = b""
        if not data:
            self._end()
            return False
        *complete, rest = data.split(b"\n")
        if complete:
            complete[0] = b"".join([*self._received, complete[0]])
            self._received.clear()
            self._received_byte_size = 0
        self._received.append(rest)
        self._received_byte_size += len(rest)
        for line in complete:
            self._take(line)
        if self._received_byte_size > _LONGEST_MESSAGE:
            self._end()
        return True

    def _take(self, line: bytes) -> None:
        try:
            message = json.loads(line)
            if not isinstance(message, dict):
                raise ValueError("not an object")
        except (ValueError, RecursionError) as error:
            _log.error("a model process sent a message that cannot be read: %s", error)
            self._end()
            return
        if self._open:
            self._on_message(message)

    def _end(self) -> None:
        if self._open:
            self._open = False
            self._reactor.forget(self._socket.fileno())
            self._on_end()
