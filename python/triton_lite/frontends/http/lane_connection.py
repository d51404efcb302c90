"""HTTP connections whose usual inference requests take the short way (frontends/http/lane.py).

All others are gunicorn's from their first byte on. A connection serves one request at a time on either way: what comes
meanwhile waits.
"""

from __future__ import annotations

import asyncio
from functools import cached_property
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from gunicorn.asgi import protocol as gunicorn  # type: ignore[import-untyped]

from triton_lite.errors import TritonError
from triton_lite.frontends.http.connection import Connection
from triton_lite.frontends.http.exchange import Exchange
from triton_lite.frontends.http.lane import InferLane, size_of
from triton_lite.frontends.unread import COUNTED_BYTE_SIZE

if TYPE_CHECKING:
    from collections.abc import Callable

    from typing_extensions import Buffer

    from triton_lite.frontends.link import Answer

# A body that takes longer is gunicorn's too, which waits for it as patiently as it waits for any.
_BODY_SECONDS = 5
# More that came behind a request waits in the kernel.
_BEHIND_BYTE_SIZE = 1 << 16
_CLOSE = b"Connection: close\r\n"

# What gunicorn adds to each answer. One that makes them otherwise leaves no short way, so that answers stay alike.
_SERVER_HEADER: bytes | None = getattr(gunicorn, "_CACHED_SERVER_HEADER", None)
_date_header: Callable[[], bytes] | None = getattr(gunicorn, "_get_cached_date_header", None)


class LaneConnection(Connection):
    """A connection that asks the lane first."""

    _keepalive_handle: asyncio.TimerHandle | None

    def __init__(self, worker: Any) -> None:
        super().__init__(worker)
        self._lane: InferLane | None = None
        if _SERVER_HEADER is not None and _date_header is not None and not self._is_watched():
            self._lane = getattr(worker.asgi, "lane", None)
        self._exchange: Exchange | None = None  # The request on the short way, until it is answered.
        self._intake: _Intake | None = None  # Receives the rest of its body.
        self._answer_byte_size = 0  # Of the last answer, if it went the short way.
        self._unread_byte_size = 0  # Of it, while the client does not read it.
        self._answered = 0.0  # When that was.
        self._behind = b""  # What came behind the request.
        self._refusing: asyncio.Task[None] | None = None

    def _is_watched(self) -> bool:
        """Tell whether gunicorn logs each request, or calls a hook of the user's for it."""
        hooks = (self.cfg.settings[name] for name in ("pre_request", "post_request"))
        return getattr(self.log, "access_log_enabled", False) or any(hook.get() is not hook.default for hook in hooks)

    @cached_property
    def _denies_regions(self) -> bool:
        ends = (self.transport.get_extra_info(name) for name in ("peername", "sockname"))
        return self._lane is not None and self._lane.denies_regions(*ends)

    def data_received(self, data: bytes) -> None:
        """Take what came."""
        if self._exchange is not None or self._unread_byte_size:
            self._behind += data
            if len(self._behind) > _BEHIND_BYTE_SIZE:
                self._pause_reading()
            return
        lane = self._lane
        if lane is not None and self._current_request is None and not self._head and not self._closed:
            exchange = self._exchange = lane.begin(data, self._denies_regions)
            if exchange is not None:
                if exchange.call:
                    lane.expect(exchange, self)
                else:
                    self._intake = _Intake(self, exchange)
                return
        self.data_received_by_gunicorn(data)

    def body_received(self, exchange: Exchange, is_whole: bool) -> None:
        """Take a request's body from its intake; not is_whole: it takes too long for here."""
        self._intake = None
        if self._lane is not None and is_whole and self._lane.send(exchange):
            self._lane.expect(exchange, self)
            return
        self._exchange = None
        self.data_received_by_gunicorn(exchange.given())

    def data_received_by_gunicorn(self, data: bytes) -> None:
        """Hand on what is none for the lane."""
        self._answer_byte_size = 0
        super().data_received(data)

    def put(self, answer: Answer) -> None:
        """Take the engine's answer."""
        exchange, lane = self._exchange, self._lane
        if exchange is None or lane is None or _SERVER_HEADER is None or _date_header is None:
            return
        closes = self._ends_with_next_answer()
        more_headers = _SERVER_HEADER + _date_header() + (_CLOSE if closes else b"")
        try:
            parts = lane.reply(exchange, answer, more_headers)
        except TritonError as error:
            self._refusing = self.worker.loop.create_task(
                self._refuse_call(lane, exchange, answer, error, more_headers, closes)
            )
            return
        self._write_reply(parts)
        self._end_exchange(closes)

    def _write_reply(self, parts: list[Buffer]) -> None:
        # Before anything is written: that may find that the client does not read.
        self._answer_byte_size = size_of(parts)
        if len(parts) == 1:
            self._safe_write(parts[0])
        elif not self.transport.is_closing():
            self.transport.writelines(parts)

    async def _refuse_call(
        self, lane: InferLane, exchange: Exchange, answer: Answer, error: TritonError, more_headers: bytes, closes: bool
    ) -> None:
        refusal = await lane.refusal(exchange, answer, error)
        if self._exchange is not exchange:  # Its client has gone meanwhile.
            return
        status = HTTPStatus(refusal.status)
        lines = [b"HTTP/1.1 %d %s" % (status, status.phrase.encode())]
        lines += [b"%s: %s" % header for header in refusal.headers(exchange.header_id)]
        self._write_reply([b"\r\n".join([*lines, more_headers + b"\r\n"]) + refusal.data])
        self._end_exchange(closes)

    def _end_exchange(self, closes: bool) -> None:
        """Wait for the next request, or for the end."""
        self._exchange = None
        self.worker.nr += 1
        if self._lane is not None:
            self._lane.end(self.worker)
        if closes:
            self._close_transport()
            self._request_ready.set()  # Wakes gunicorn's task, which finds that the connection is closed.
            return
        self._answered = self.worker.loop.time()
        if self._keepalive_handle is None:
            self._arm_keepalive_timer()
        if not self._unread_byte_size:
            self._take_behind()

    def _take_behind(self) -> None:
        if self._behind:
            data, self._behind = self._behind, b""
            self._resume_reading()
            self.data_received(data)

    def _ends_with_next_answer(self) -> bool:
        """Tell whether the next answer on the short way is to be the last."""
        lane = self._lane
        return lane is None or lane.closing or not (self.worker.alive and self.cfg.keepalive)

    def pause_writing(self) -> None:
        """The client does not read its answer."""
        super().pause_writing()
        if self._lane is not None and self._answer_byte_size >= COUNTED_BYTE_SIZE and not self._unread_byte_size:
            self._unread_byte_size = self._answer_byte_size
            self._lane.add_unread(self._unread_byte_size)

    def resume_writing(self) -> None:
        """It has read most of it."""
        super().resume_writing()
        if self._forget_unread() and self._exchange is None:
            self._take_behind()

    def _forget_unread(self) -> bool:
        byte_size, self._unread_byte_size = self._unread_byte_size, 0
        if byte_size and self._lane is not None:
            self._lane.remove_unread(byte_size)
        return byte_size > 0

    def connection_lost(self, exc: Exception | None) -> None:
        """Give up what nobody waits for any more."""
        exchange, self._exchange = self._exchange, None
        intake, self._intake = self._intake, None  # It has the body's memory: no circle is to keep that.
        if intake is not None:
            intake.end()
        if exchange is not None and self._lane is not None:
            self._lane.give_up(exchange)
        self._forget_unread()
        self._behind = b""
        if self._current_request is not None:
            super().connection_lost(exc)
            return
        # gunicorn's task waits for a request: it is to end now, not after some seconds. The parser, which calls this
        # connection, would keep it until cycles are collected. Both together are a hundred megabytes where clients
        # connect for each request.
        self._task = None
        super().connection_lost(exc)
        self._request_ready.set()
        self._callback_parser = None

    def _keepalive_timeout(self) -> None:
        """Close, unless the connection was in use since the timer was armed, which is not done for each request."""
        loop = self.worker.loop
        busy = self._exchange is not None or self._unread_byte_size
        rest = self.cfg.keepalive if busy else self._answered + self.cfg.keepalive - loop.time()
        if rest > 0:
            self._keepalive_handle = loop.call_later(rest, self._keepalive_timeout)
        else:
            super()._keepalive_timeout()


class _Intake(asyncio.BufferedProtocol):
    """Stands in for a connection while the rest of a body comes, which goes to where the engine reads it."""

    def __init__(self, connection: LaneConnection, exchange: Exchange) -> None:
        self._connection = connection
        self._exchange = exchange
        self._timer = connection.worker.loop.call_later(_BODY_SECONDS, self._hand_back, False)
        self._become(self)

    def get_buffer(self, sizehint: int) -> Any:
        """Return where the next bytes belong."""
        return self._exchange.room()

    def buffer_updated(self, nbytes: int) -> None:
        """Note that they came."""
        if self._exchange.take(nbytes):
            self._hand_back(True)

    def eof_received(self) -> Any:
        """As any protocol."""
        return self._connection.eof_received()

    def pause_writing(self) -> None:
        """As any protocol."""
        self._connection.pause_writing()

    def resume_writing(self) -> None:
        """As any protocol."""
        self._connection.resume_writing()

    def connection_lost(self, exc: Exception | None) -> None:
        """As any protocol."""
        self._connection.connection_lost(exc)

    def end(self) -> None:
        """Nothing more comes."""
        self._timer.cancel()

    def _hand_back(self, is_whole: bool) -> None:
        self.end()
        self._become(self._connection)
        self._connection.body_received(self._exchange, is_whole)

    def _become(self, protocol: asyncio.BaseProtocol) -> None:
        transport = self._connection.transport
        # How a transport reads is decided when it begins to.
        transport.pause_reading()
        transport.set_protocol(protocol)
        transport.resume_reading()
