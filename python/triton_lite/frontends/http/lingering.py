"""Answers before the end of a request's body that is not worth reading, under gunicorn's ASGI worker.

A client that is still sending when the connection is closed may lose our answer (RFC 9112, 9.6). So the answer goes
out, our direction is closed, and what comes is thrown away unparsed until the client has ended, or its system has
acknowledged the answer: parsing a million chunks of one byte takes seconds, receiving them milliseconds.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import struct
import termios
from typing import Any

LINGER = "triton_lite.linger"
"""Key of a scope whose answer is to be sent like this."""

_LONGEST_SECONDS = 30
# How long an acknowledged answer has to reach the program that waits for it.
_LOOK_SECONDS = 0.05
_LAST_CHUNK = b"0\r\n\r\n"


class _Discard(asyncio.Protocol):
    """Takes the place of the server's protocol on a connection until its end."""

    def __init__(self, server: asyncio.Protocol) -> None:
        self._server = server
        self._tail = b""
        self.ended = asyncio.Event()

    def data_received(self, data: bytes) -> None:
        self._tail = (self._tail + data[-len(_LAST_CHUNK) :])[-len(_LAST_CHUNK) :]
        if self._tail == _LAST_CHUNK:
            self.ended.set()

    def eof_received(self) -> None:
        self.ended.set()

    def connection_lost(self, exc: Exception | None) -> None:
        self.ended.set()
        self._server.connection_lost(exc)


async def linger(receive: Any) -> None:
    """Throw away the rest of a chunked body, then close; the answer must have been sent.

    receive: the ASGI server's own. Does nothing under other servers.
    """
    protocol = getattr(getattr(receive, "__self__", None), "protocol", None)
    transport = getattr(protocol, "transport", None)
    if protocol is None or transport is None or transport.is_closing():
        return
    discard = _Discard(protocol)
    transport.set_protocol(discard)
    if transport.can_write_eof():
        transport.write_eof()
    transport.resume_reading()
    loop = asyncio.get_running_loop()
    deadline = loop.time() + _LONGEST_SECONDS
    acknowledged = False
    try:
        while not discard.ended.is_set() and not acknowledged and loop.time() < deadline:
            acknowledged = _unacknowledged(transport) == 0
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(discard.ended.wait(), _LOOK_SECONDS)
    finally:
        transport.close()


def _unacknowledged(transport: Any) -> int | None:
    """How many bytes the client's system has not acknowledged; None where nobody knows."""
    sock = transport.get_extra_info("socket")
    if sock is None or transport.get_write_buffer_size():
        return None
    try:
        answer = fcntl.ioctl(sock.fileno(), termios.TIOCOUTQ, struct.pack("i", 0))
    except OSError:
        return None
    count: int = struct.unpack("i", answer)[0]
    return count
