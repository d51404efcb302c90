"""Answers before the end of a request's body that is not worth reading, under gunicorn's ASGI worker.

A client that is still sending when the connection is closed may lose our answer (RFC 9112, 9.6). So the answer goes
out, our direction is closed, and what comes is thrown away unparsed: parsing a million chunks of one byte takes
seconds, receiving them milliseconds.
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any

LINGER = "triton_lite.linger"
"""Key of a scope whose answer is to be sent like this."""

_LONGEST_SECONDS = 30
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
    try:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(discard.ended.wait(), _LONGEST_SECONDS)
    finally:
        transport.close()
