"""HTTP connections that end when they are old."""

from __future__ import annotations

import asyncio
import random
from typing import Any

from triton_lite.frontends.http.lane_connection import LaneConnection

# A part of an age, by which connections that began together end at different times.
_JITTER = 0.1


class AgingConnection(LaneConnection):
    """A connection that ends when it is old (--http-max-connection-age), but no request of it does.

    It ends with an answer that says so, or as any idle one: a request that is on its way to us would be lost otherwise.
    """

    def __init__(self, worker: Any) -> None:
        super().__init__(worker)
        self._age: asyncio.TimerHandle | None = None
        self._old = False
        self._asked: Any = None
        self._last = False  # Whether the answer to `_asked` is the last.

    def connection_made(self, transport: Any) -> None:
        """Begin to count."""
        super().connection_made(transport)
        seconds = self.worker.max_age * random.uniform(1 - _JITTER, 1 + _JITTER)
        self._age = self.worker.loop.call_later(seconds, self._retire)

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop counting."""
        if self._age is not None:
            self._age.cancel()
        super().connection_lost(exc)

    def _will_close(self, request: Any, response_requires_close: bool) -> bool:
        # Asked when an answer begins and again when it has ended: what it said must stay true.
        if self._asked is not request:
            self._asked, self._last = request, self._old
        return self._last or bool(super()._will_close(request, response_requires_close))

    def _ends_with_next_answer(self) -> bool:
        return self._old or super()._ends_with_next_answer()

    def _retire(self) -> None:
        self._old = True
        if self._awaiting_request and self._keepalive_handle is None:  # Nothing else ends one without a request.
            self._keepalive_handle = self.worker.loop.call_later(self.cfg.keepalive, self._end_if_idle)

    def _end_if_idle(self) -> None:
        if self._awaiting_request and not self._head:
            self._keepalive_timeout()
