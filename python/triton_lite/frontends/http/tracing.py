"""HTTP requests while the engine traces: their times and trace context, around whatever serves them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from triton_lite.errors import TritonError
from triton_lite.frontends.http.front_end import FrontEnd
from triton_lite.frontends.link import WITH_CONTEXT
from triton_lite.frontends.tracing import FrontTrace, now
from triton_lite.proto import MethodNumber

# In the ASGI scope or the WSGI environment: when the request began to come, its trace context (parent, state) if that
# is wanted, and, for resources, its FrontTrace.
SINCE = "triton_lite.since"
CONTEXT = "triton_lite.trace_context"
TRACE = "triton_lite.trace"


def begin_asgi(scope: dict[str, Any], tracing: int) -> None:
    """Begin to note the times of an ASGI request, with its trace context if that is wanted."""
    scope[SINCE] = now()
    if tracing == WITH_CONTEXT:
        scope["headers"] = [tuple(header) for header in scope["headers"]]  # May be an iterator: others look too.
        headers = dict(scope["headers"])
        scope[CONTEXT] = headers.get(b"traceparent", b""), headers.get(b"tracestate", b"")


def report_sent(front_end: FrontEnd, trace: FrontTrace) -> None:
    """Tell the engine when an answer was sent, if it wants to know."""
    if trace.traced:
        front_end.bridge().post(MethodNumber.TRACE_SENT, trace.sent())


async def serve_traced(front_end: FrontEnd, scope: dict[str, Any], receive: Any, send: Any, serve: Any) -> None:
    """Serve an ASGI request, of which begin_asgi was told, with `serve(scope, receive, send)`."""
    trace = scope[TRACE] = FrontTrace(scope[SINCE])

    async def timed_send(event: dict[str, Any]) -> None:
        trace.begin_send()
        await send(event)

    try:
        await serve(scope, receive, timed_send)
    finally:
        report_sent(front_end, trace)


def begin_wsgi(environ: dict[str, Any]) -> FrontTrace:
    """Begin to note the times of a WSGI request."""
    parent, state = environ.get("HTTP_TRACEPARENT", ""), environ.get("HTTP_TRACESTATE", "")
    environ[CONTEXT] = parent.encode("latin-1"), state.encode("latin-1")
    trace = environ[TRACE] = FrontTrace(now())
    return trace


class TracedBody:
    """The body of a WSGI answer; its server closes it when all was sent."""

    def __init__(self, front_end: FrontEnd, trace: FrontTrace, body: Iterable[bytes]) -> None:
        trace.begin_send()
        self._front_end = front_end
        self._trace = trace
        self._body = body

    def __iter__(self) -> Iterator[bytes]:
        return iter(self._body)

    def close(self) -> None:
        """Tell the engine."""
        close: Callable[[], None] | None = getattr(self._body, "close", None)
        try:
            if close is not None:
                close()
        finally:
            if self._trace.traced:
                self._report()

    def _report(self) -> None:
        try:
            self._front_end.link.call(MethodNumber.TRACE_SENT, self._trace.sent())
        except TritonError:  # The engine went away, and the trace with it.
            return
