"""What front ends tell an engine that traces."""

from __future__ import annotations

import struct

from fakes import FakeAnswer

from triton_lite.frontends.grpc.wire import fields
from triton_lite.frontends.tracing import GRPC, HTTP, FrontTrace, now


def _numbers(trace: FrontTrace) -> tuple[bytes, int, int, int, bytes]:
    ((number, value),) = fields(trace.field())
    assert number == 1002 and isinstance(value, memoryview)
    protocol, token, start, end = struct.unpack("<cQQQ", value[:25])
    return protocol, token, start, end, bytes(value[25:])


def test_a_request_is_named_with_its_times() -> None:
    before = now()
    trace = FrontTrace(HTTP, 5, b"parent", b"state")
    protocol, token, start, end, context = _numbers(trace)
    assert (protocol, start, context) == (b"h", 5, b"parent\nstate")
    assert before <= end <= now()
    assert token != _numbers(FrontTrace(HTTP, 5))[1]


def test_a_state_without_a_parent_says_nothing() -> None:
    assert _numbers(FrontTrace(GRPC, 1, b"", b"state"))[4] == b""


def test_what_was_sent_names_the_same_request() -> None:
    trace = FrontTrace(GRPC, 1)
    token = _numbers(trace)[1]
    trace.begin_send()
    first = now()
    trace.begin_send()
    sent_token, start, end = struct.unpack("<QQQ", trace.sent())
    assert sent_token == token
    assert start <= first <= end


def test_nothing_is_said_unless_the_engine_asked() -> None:
    trace = FrontTrace(HTTP, 1)
    trace.take(FakeAnswer())
    assert not trace.traced
    trace.take(FakeAnswer(traced=True))
    trace.take(FakeAnswer())
    assert trace.traced
