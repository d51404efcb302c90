"""gunicorn's parsers, fed whole and in pieces, well and badly: what they keep of a head is what they parsed."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from types import SimpleNamespace
from typing import Any

import gunicorn.asgi.protocol  # type: ignore[import-untyped]
import gunicorn.http.parser  # type: ignore[import-untyped]
import pytest
from gunicorn.config import Config  # type: ignore[import-untyped]
from gunicorn.http.message import Request  # type: ignore[import-untyped]
from hypothesis import given
from hypothesis import strategies as st

from triton_lite.frontends.http.disconnect import RECEIVE
from triton_lite.frontends.http.raw_headers import as_sent, keep_heads, sent_headers

HEAD = b"POST /x HTTP/1.1\r\nHost: h\r\nMy-H: a \t \r\nother:  b\r\nmy-h:\tc\r\nempty: \r\nContent-Length: 4\r\n\r\n"
SENT = {
    "host": [("Host", "h")],
    "my-h": [("My-H", "a \t "), ("my-h", "\tc")],
    "other": [("other", "b")],
    "empty": [("empty", " ")],
    "content-length": [("Content-Length", "4")],
}
# What a head is made of, and what does not belong into one.
BYTES = st.sampled_from([b" ", b"\t", b"a", b"b:", b":", b"\r\n", b"\r", b"\n", b"\0", b"\x0b", b"\xe9", b"my-h: v "])
LINES = st.lists(st.lists(BYTES, max_size=6).map(b"".join), max_size=5).map(b"\r\n".join)
CUTS = st.lists(st.integers(0, 200), max_size=4)


@pytest.fixture(scope="module", autouse=True)
def kept() -> Iterator[None]:
    """Parsers that keep heads, in this module alone."""
    protocol = gunicorn.asgi.protocol
    protocol.ASGIProtocol._check_h1c_protocol_available()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(gunicorn.http.parser.RequestParser, "mesg_class", Request)
        patch.setattr(protocol, "PythonProtocol", protocol.PythonProtocol)
        patch.setattr(protocol.ASGIProtocol, "_h1c_protocol_class", protocol.ASGIProtocol._h1c_protocol_class)
        keep_heads()
        keep_heads()
        yield


def parser_of(kind: str) -> Any:
    protocol = gunicorn.asgi.protocol
    return protocol.ASGIProtocol._h1c_protocol_class() if kind == "fast" else protocol.PythonProtocol()


class Receiver:
    """Stands for what an ASGI application can reach of its connection."""

    def __init__(self, parser: Any) -> None:
        self.protocol = SimpleNamespace(_callback_parser=parser)

    async def receive(self) -> None: ...


def asgi_request(parser: Any) -> Any:
    return SimpleNamespace(scope={RECEIVE: Receiver(parser).receive})


def wsgi_request(pieces: Sequence[bytes], http_parser: str) -> Any:
    config = Config()
    config.set("http_parser", http_parser)
    message = next(gunicorn.http.parser.RequestParser(config, iter(pieces), ("127.0.0.1", 1)))
    return message, SimpleNamespace(env={"wsgi.input": message.body})


def cut(data: bytes, cuts: Sequence[int]) -> list[bytes]:
    ends = sorted({min(at, len(data)) for at in cuts} | {len(data)})
    return [data[begin:end] for begin, end in zip([0, *ends], ends, strict=False) if end > begin]


@pytest.mark.parametrize("kind", ["fast", "python"])
@pytest.mark.parametrize("size", [1, 2, 3, 50, 1000])
def test_values_as_they_came(kind: str, size: int) -> None:
    pieces = cut(HEAD + b"body", range(size, len(HEAD) + 4, size))
    parser = parser_of(kind)
    for piece in pieces:
        parser.feed(piece)
    assert sent_headers(asgi_request(parser)) == SENT
    message, req = wsgi_request(pieces, kind)
    assert sent_headers(req) == SENT
    assert message.body.read() == b"body"


@pytest.mark.parametrize("kind", ["fast", "python"])
def test_the_next_request_of_a_connection_has_its_own(kind: str) -> None:
    parser = parser_of(kind)
    parser.feed(HEAD + b"bodyGET / HTTP/1.1\r\nnext: n \r\n\r\n")
    assert sent_headers(asgi_request(parser)) == SENT
    rest = parser.remaining()
    parser.reset()
    assert sent_headers(asgi_request(parser)) == {}
    parser.feed(rest)
    assert sent_headers(asgi_request(parser)) == {"next": [("next", "n ")]}


@pytest.mark.parametrize("kind", ["fast", "python"])
def test_a_body_is_not_kept(kind: str) -> None:
    parser = parser_of(kind)
    for _ in range(3):
        parser.feed(HEAD.replace(b"Length: 4", b"Length: 400000") + b" " * 200_000)
        assert len(parser.raw_head) < 100
        parser.feed(b" " * 200_000)
        assert len(parser.raw_head) < 100
        parser.reset()


@pytest.mark.parametrize("kind", ["fast", "python"])
@given(lines=LINES, cuts=CUTS)
def test_what_is_kept_is_what_was_parsed(kind: str, lines: bytes, cuts: list[int]) -> None:
    pieces = cut(b"GET / HTTP/1.1\r\n" + lines + b"\r\n\r\n", cuts)
    parser = parser_of(kind)
    with contextlib.suppress(Exception):  # Not all heads are well-formed.
        for piece in pieces:
            parser.feed(piece)
        sent = sent_headers(asgi_request(parser))
        for name, value in parser.headers:
            assert value.decode("latin-1") in [one.strip(" \t") for _, one in sent[name.decode().lower()]]


@pytest.mark.parametrize(
    ("value", "sent", "found"),
    [
        ("a", [("X", "a ")], [("X", "a ")]),
        ("a,b", [("X", "\ta"), ("x", "b ")], [("X", "\ta"), ("x", "b ")]),
        ("", [("x", " ")], [("x", " ")]),
        ("a", [("x", "a"), ("x", "b")], [("x", "a")]),
        ("a", [("x", "b ")], [("x", "a")]),
        ("a", [("x", "a\x0b")], [("x", "a")]),
    ],
)
def test_only_blanks_may_differ(value: str, sent: list[tuple[str, str]], found: list[tuple[str, str]]) -> None:
    assert as_sent("x", value, {"x": sent}) == found


def test_unknown_headers_are_the_parsed_ones() -> None:
    assert as_sent("x", "a", {}) == [("x", "a")]


def test_other_servers_tell_nothing() -> None:
    async def receive() -> None: ...

    assert sent_headers(SimpleNamespace(scope={})) == {}
    assert sent_headers(SimpleNamespace(scope={RECEIVE: receive})) == {}
    assert sent_headers(SimpleNamespace(env={})) == {}
    assert sent_headers(SimpleNamespace(env={"wsgi.input": object()})) == {}
