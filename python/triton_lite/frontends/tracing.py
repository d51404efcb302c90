"""What a front end says about requests while the engine traces: when it received them, when it sent their answers.

The engine decides which requests are traced; nothing is done here while it traces none.
"""

from __future__ import annotations

import itertools
import struct
import time

from triton_lite.frontends.grpc.wire import length_field
from triton_lite.frontends.link import Answer

now = time.monotonic_ns

HTTP, GRPC = b"h", b"g"

# ModelInferRequest's field for it, and the layouts: csrc/wire/front_trace.h.
_FIELD = 1002
_RECEIVED = struct.Struct("<cQQQ")
_SENT = struct.Struct("<QQQ")
_tokens = itertools.count(1)


class FrontTrace:
    """One request that may be traced. Times are nanoseconds of the monotonic clock."""

    __slots__ = ("_context", "_protocol", "_send_start", "_start", "_token", "traced")

    def __init__(self, protocol: bytes, start: int, traceparent: bytes = b"", tracestate: bytes = b"") -> None:
        """`start`: when receiving began. The W3C trace context is what the client sent, checked by the engine."""
        self._protocol = protocol
        self._start = start
        self._context = traceparent + b"\n" + tracestate if traceparent else b""
        self._token = next(_tokens)
        self._send_start = 0
        self.traced = False

    def field(self) -> bytes:
        """Encode what goes behind the request's message, now that it was received."""
        return length_field(_FIELD, _RECEIVED.pack(self._protocol, self._token, self._start, now()) + self._context)

    def take(self, answer: Answer) -> None:
        """Note whether the engine wants to know when it is sent."""
        self.traced = self.traced or answer.traced

    def begin_send(self) -> None:
        """Note that sending begins. Only the first time counts."""
        self._send_start = self._send_start or now()

    def sent(self) -> bytes:
        """Encode the message of TRACE_SENT, now that all was sent."""
        end = now()
        return _SENT.pack(self._token, self._send_start or end, end)
