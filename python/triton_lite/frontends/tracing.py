"""What a front end tells an engine that traces: when requests came and whose, and when traced answers were sent.

The engine decides which requests are traced. Of any other a front end says when it came, and no more; nothing is done
here while the engine traces none.
"""

from __future__ import annotations

import struct
import time

from triton_lite.frontends.link import Answer

now = time.monotonic_ns

# Layouts: csrc/wire/call_metadata.h.
_SENT = struct.Struct("<QQQ")
_NO_ACCESS = bytes(8) + b"\n"


def with_context(about: bytes, traceparent: bytes, tracestate: bytes) -> bytes:
    """Add a W3C trace context, which the engine checks, to what is said about a call; `about`: see access.about."""
    return b"\n".join((about or _NO_ACCESS, traceparent, tracestate)) if traceparent else about


class FrontTrace:
    """One request that may be traced. Times are nanoseconds of the monotonic clock."""

    __slots__ = ("_call", "_send_start", "since")

    def __init__(self, since: int) -> None:
        """`since`: when receiving began."""
        self.since = since
        self._call = 0
        self._send_start = 0

    def take(self, answer: Answer) -> None:
        """Note whether the engine wants to know when it is sent."""
        if answer.traced:
            self._call = answer.call

    @property
    def traced(self) -> bool:
        """Whether the engine wants to know."""
        return self._call != 0

    def begin_send(self) -> None:
        """Note that sending begins. Only the first time counts."""
        self._send_start = self._send_start or now()

    def sent(self) -> bytes:
        """Encode the message of TRACE_SENT, now that all was sent."""
        end = now()
        return _SENT.pack(self._call, self._send_start or end, end)


def traced(answer: Answer) -> FrontTrace | None:
    """Return what is to be reported of the only answer of a call whose times the engine was told; None: nothing."""
    if not answer.traced:
        return None
    trace = FrontTrace(0)
    trace.take(answer)
    return trace
