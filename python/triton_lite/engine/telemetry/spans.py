"""From a recorded trace to the spans that Triton makes of one.

The whole is a span InferRequest with the front end's events, a child of the client's span where it sent one. Each
request is a span named after its model, below it or below the request that gave rise to it, with a span compute.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from opentelemetry.context import Context
from opentelemetry.trace import (
    NonRecordingSpan,
    Span,
    SpanContext,
    SpanKind,
    TraceFlags,
    Tracer,
    set_span_in_context,
)
from opentelemetry.trace.span import TraceState

from triton_lite.engine.telemetry.ids import GivenIds

_ROOT, _COMPUTE = "InferRequest", "compute"
_COMPUTE_EVENTS = ("COMPUTE_START", "COMPUTE_INPUT_END", "COMPUTE_OUTPUT_START", "COMPUTE_END")


def make_spans(tracer: Tracer, record: Any, ids: GivenIds) -> None:
    """Make and end the spans of a `_native.TraceRecord`; `ids`: of the tracer."""
    offset: int = record.wall_offset
    context = _parent_context(record.parent)
    ids.give(trace_id=record.trace_id)
    root = tracer.start_span(_ROOT, context, SpanKind.SERVER, start_time=record.start + offset)
    _add_events(root, sorted([*record.received, *record.sent], key=lambda event: event[1]), offset)
    parents: dict[int, Span] = {}
    ends: list[tuple[Span, int]] = []
    # Who gave rise to a request has the lower id.
    for request in sorted(record.requests, key=lambda request: request.id):
        if request.events:
            parent = parents.get(request.parent_id, root)
            ids.give(span_id=request.span_id)
            span = _request_span(tracer, request, parent, offset)
            parents[request.id] = span
            ends.append((span, request.events[-1][1] + offset))
    for span, end in reversed(ends):
        span.end(end)
    root.end(record.end + offset)


def _request_span(tracer: Tracer, request: Any, parent: Span, offset: int) -> Span:
    """Start the span of a request; its compute span is ended already."""
    attributes: dict[str, str | int] = {
        "triton.model_name": request.model_name,
        "triton.model_version": request.model_version,
        "triton.trace_id": request.id,
        "triton.trace_parent_id": request.parent_id,
    }
    if request.request_id:
        attributes["triton.request_id"] = request.request_id.decode("utf-8", "replace")
    start = request.events[0][1] + offset
    context = set_span_in_context(parent, Context())
    span = tracer.start_span(request.model_name, context, SpanKind.SERVER, attributes, start_time=start)
    compute = [event for event in request.events if event[0] in _COMPUTE_EVENTS]
    _add_events(span, (event for event in request.events if event[0] not in _COMPUTE_EVENTS), offset)
    if compute:
        below = set_span_in_context(span, Context())
        inner = tracer.start_span(_COMPUTE, below, SpanKind.SERVER, start_time=compute[0][1] + offset)
        _add_events(inner, compute, offset)
        inner.end(compute[-1][1] + offset)
    return span


def _add_events(span: Span, events: Iterable[tuple[str, int]], offset: int) -> None:
    for name, time in events:
        span.add_event(name, timestamp=time + offset)


def _parent_context(parent: tuple[str, str, int, str] | None) -> Context:
    if parent is None:
        return Context()
    trace_id, span_id, flags, state = parent
    remote = SpanContext(
        int(trace_id, 16), int(span_id, 16), True, TraceFlags(flags), TraceState.from_header([state] if state else [])
    )
    return set_span_in_context(NonRecordingSpan(remote), Context())
