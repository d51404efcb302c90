"""What a control endpoint does, without any I/O: one request of the engine, and the body made of its response."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple, Protocol

from triton_lite import proto
from triton_lite.frontends.http import json_reader


class Message(Protocol):
    """A protobuf message, of the protocol's own classes."""

    def SerializeToString(self) -> bytes:
        """Encode."""


class Reply(NamedTuple):
    """A response's body and status."""

    body: bytes
    status: int = 200


class Exchange(NamedTuple):
    """One call of the engine: method number, request, and the reply made of the response's bytes."""

    method: int
    message: bytes
    reply: Callable[[bytes], Reply]


def exchange(method: str, request: Message, render: Callable[[Any], Any] | None = None) -> Exchange:
    """Make an exchange of a method's name and its request.

    `render` turns the response message into the JSON value of the body, or its text; None leaves the body empty.
    """
    number = proto.METHODS[method].number

    def reply(answer: bytes) -> Reply:
        if render is None:
            return Reply(b"")
        response: Any = proto.METHODS[method].response()
        response.ParseFromString(answer)
        rendered = render(response)
        return Reply(rendered.encode("utf-8", "replace") if isinstance(rendered, str) else json_reader.write(rendered))

    return Exchange(number, request.SerializeToString(), reply)
