"""Ids of spans, some of which a model was told before its span is made."""

from __future__ import annotations

from opentelemetry.sdk.trace.id_generator import RandomIdGenerator


class GivenIds(RandomIdGenerator):
    """Random ids but for those that are given for the next span. Of one thread."""

    def __init__(self) -> None:
        self._trace_id = 0
        self._span_id = 0

    def give(self, trace_id: str = "", span_id: str = "") -> None:
        """Have the next span take these ids, hexadecimal; empty ones are random."""
        self._trace_id = int(trace_id or "0", 16)
        self._span_id = int(span_id or "0", 16)

    def generate_trace_id(self) -> int:
        """Take the id of a trace."""
        given, self._trace_id = self._trace_id, 0
        return given or super().generate_trace_id()

    def generate_span_id(self) -> int:
        """Take the id of a span."""
        given, self._span_id = self._span_id, 0
        return given or super().generate_span_id()
