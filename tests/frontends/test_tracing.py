"""What front ends tell an engine that traces."""

from __future__ import annotations

import struct

from fakes import FakeAnswer

from triton_lite.frontends.access import about
from triton_lite.frontends.tracing import FrontTrace, now, traced, with_context


def test_a_trace_context_stands_behind_what_is_said_for_the_access_log() -> None:
    said = about("peer:1", 300, "one")
    assert with_context(said, b"parent", b"state") == said + b"\nparent\nstate"
    assert with_context(b"", b"parent", b"") == bytes(8) + b"\n\nparent\n"


def test_a_state_without_a_parent_says_nothing() -> None:
    assert with_context(b"", b"", b"state") == b""


def test_what_was_sent_names_the_call() -> None:
    trace = FrontTrace(1)
    trace.take(FakeAnswer(call=7, traced=True))
    trace.begin_send()
    first = now()
    trace.begin_send()
    call, start, end = struct.unpack("<QQQ", trace.sent())
    assert call == 7
    assert start <= first <= end


def test_nothing_is_said_unless_the_engine_asked() -> None:
    trace = FrontTrace(1)
    trace.take(FakeAnswer(call=7))
    assert not trace.traced
    trace.take(FakeAnswer(call=7, traced=True))
    trace.take(FakeAnswer(call=7))
    assert trace.traced


def test_the_only_answer_of_a_call() -> None:
    assert traced(FakeAnswer(call=7)) is None
    trace = traced(FakeAnswer(call=7, traced=True))
    assert trace is not None and trace.traced
