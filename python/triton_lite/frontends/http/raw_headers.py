"""Headers as they were sent, for those that are handed on to models.

Triton hands on a name as it came, each by itself, and a value from the first character that is not a space. gunicorn's
parsers change the case of names, join the values of one name, and take white space off both ends of a value, as HTTP
says (RFC 9112, 5.1). So where headers are forwarded they keep the heads that they read: there a header is looked up
again, and taken if it is the parsed one but for that.
"""

from __future__ import annotations

import contextlib
import importlib
import sys
from typing import Any

from triton_lite.frontends.http.disconnect import RECEIVE

_BLANKS = " \t"


def keep_heads() -> None:
    """Have gunicorn's workers in this process keep the heads of their requests.

    A gunicorn whose parsers are made otherwise keeps none: headers are handed on as they were parsed then.
    """
    parser = _of_gunicorn("gunicorn.http.parser")
    message = getattr(getattr(parser, "RequestParser", None), "mesg_class", None)
    if message is not None and not hasattr(message, "raw_head"):
        parser.RequestParser.mesg_class = _keeping_message(message)
    protocol = _of_gunicorn("gunicorn.asgi.protocol")
    slow = getattr(protocol, "PythonProtocol", None)
    if slow is not None and not hasattr(slow, "raw_head"):
        protocol.PythonProtocol = _keeping_parser(slow)
        if getattr(protocol.ASGIProtocol, "_check_h1c_protocol_available", bool)():
            kind = protocol.ASGIProtocol._h1c_protocol_class
            protocol.ASGIProtocol._h1c_protocol_class = _keeping_parser(kind)


def _of_gunicorn(name: str) -> Any:
    """Import a module of gunicorn's, if it is what serves here: whether its worker has done so yet does not matter."""
    with contextlib.suppress(ImportError):
        return importlib.import_module(name) if "gunicorn" in sys.modules else None
    return None


Sent = dict[str, list[tuple[str, str]]]
"""Names and values by the names in lower case."""


def sent_headers(req: Any) -> Sent:
    """Return a request's headers as they came; empty where nobody knows."""
    headers: Sent = {}
    for line in _raw_head(req).decode("latin-1").split("\r\n")[1:]:
        name, colon, value = line.partition(":")
        if colon:
            # Triton, too, makes one space of nothing.
            headers.setdefault(name.lower(), []).append((name, value.lstrip(" ") or " "))
    return headers


def as_sent(name: str, value: str, sent: Sent) -> list[tuple[str, str]]:
    """Return the headers that make up a parsed one (values with commas between them), or that one if they differ."""
    headers = sent.get(name)
    if headers is None or ",".join(one.strip(_BLANKS) for _, one in headers) != value:
        return [(name, value)]
    return headers


def _raw_head(req: Any) -> bytes:
    scope = getattr(req, "scope", None)
    if scope is None:
        return bytes(getattr(req.env.get("wsgi.input"), "raw_head", b""))
    protocol = getattr(getattr(scope.get(RECEIVE), "__self__", None), "protocol", None)
    return bytes(getattr(getattr(protocol, "_callback_parser", None), "raw_head", b""))


def _keeping_message(kind: Any) -> Any:
    """Make a kind of request of the WSGI workers whose body has its head."""

    class Request(kind):  # type: ignore[misc]
        raw_head = b""

        def parse(self, unreader: Any) -> Any:
            reader = _Reader(unreader)
            rest = super().parse(reader)
            read = b"".join(reader.pieces)
            self.raw_head = read[: len(read) - len(rest)]
            return rest

        def set_body_reader(self) -> None:
            super().set_body_reader()
            self.body.raw_head = self.raw_head  # An application gets no more of a request.

    return Request


class _Reader:
    """Reads for a parser, and keeps what it read: as much as the parser's limits of a head allow."""

    def __init__(self, unreader: Any) -> None:
        self._unreader = unreader
        self.pieces: list[bytes] = []

    def read(self, size: int | None = None) -> bytes:
        piece: bytes = self._unreader.read(size)
        self.pieces.append(piece)
        return piece


def _keeping_parser(kind: Any) -> Any:
    """Make a kind of parser of the ASGI worker that has the head of its request."""

    class Parser(kind):  # type: ignore[misc]
        raw_head = bytearray()

        def __init__(self, *arguments: Any, **keywords: Any) -> None:
            super().__init__(*arguments, **keywords)
            self._begin()

        def feed(self, data: Any) -> Any:
            if not self._has_head:
                self._take(data)
            return super().feed(data)

        def reset(self) -> Any:
            self._begin()
            return super().reset()

        def _begin(self) -> None:
            self.raw_head = bytearray()
            self._has_head = False

        def _take(self, data: Any) -> None:
            """Add data up to the end of the head; the parser fails if that does not come."""
            looked_at = max(0, len(self.raw_head) - 3)
            self.raw_head += data
            end = self.raw_head.find(b"\r\n\r\n", looked_at)
            if end >= 0:
                del self.raw_head[end:]
                self._has_head = True

    return Parser
