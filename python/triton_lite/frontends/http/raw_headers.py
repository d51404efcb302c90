"""Header values with the white space around them, for those that are handed on to models.

Triton hands values on as they came, from the first character that is not a space. gunicorn's parsers take white space
off both ends, as HTTP says (RFC 9112, 5.1). So where headers are forwarded they keep the heads that they read: there a
value is looked up again, and taken if it is the parsed one but for white space.
"""

from __future__ import annotations

import sys
from typing import Any

from triton_lite.frontends.http.disconnect import RECEIVE

_BLANKS = " \t"


def keep_heads() -> None:
    """Have gunicorn's workers in this process, that have been imported, keep the heads of their requests."""
    parser: Any = sys.modules.get("gunicorn.http.parser")
    if parser is not None and not hasattr(parser.RequestParser.mesg_class, "raw_head"):
        parser.RequestParser.mesg_class = _keeping_message(parser.RequestParser.mesg_class)
    protocol: Any = sys.modules.get("gunicorn.asgi.protocol")
    if protocol is not None and not hasattr(protocol.PythonProtocol, "raw_head"):
        protocol.PythonProtocol = _keeping_parser(protocol.PythonProtocol)
        if protocol.ASGIProtocol._check_h1c_protocol_available():
            kind = protocol.ASGIProtocol._h1c_protocol_class
            protocol.ASGIProtocol._h1c_protocol_class = _keeping_parser(kind)


def raw_values(req: Any) -> dict[str, list[str]]:
    """Return the values of a request's headers by their names in lower case, as they came; empty where nobody knows."""
    values: dict[str, list[str]] = {}
    for line in _raw_head(req).decode("latin-1").split("\r\n")[1:]:
        name, colon, value = line.partition(":")
        if colon:
            # Triton, too, makes one space of nothing.
            values.setdefault(name.lower(), []).append(value.lstrip(" ") or " ")
    return values


def with_blanks(value: str, raw: list[str]) -> str:
    """Return a header's value (of several, with commas between them) as it came in `raw`, or itself if that differs."""
    if ",".join(one.strip(_BLANKS) for one in raw) != value:
        return value
    return ",".join(raw) or value


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
