"""A channel client and a codec without an engine: answers come from a function of the test."""

from __future__ import annotations

import contextlib
import os
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from triton_lite.errors import Code, TritonError
from triton_lite.proto import REGIONS_DENIED


@dataclass
class FakeAnswer:
    """An answer as the native module gives it."""

    call: int = 0
    last: bool = True
    code: int = 0
    text: str = ""
    message: bytes = b""
    segments: Sequence[memoryview] = ()
    traced: bool = False
    many: bool = False
    acknowledged: bool = False

    def acknowledge(self) -> None:
        self.acknowledged = True

    def framed(self, in_stream: bool) -> bytes:
        framed = self.message
        for segment in self.segments:
            framed += b"\x32" + _varint(len(segment)) + bytes(segment)
        return b"\x12" + _varint(len(framed)) + framed if in_stream else framed


def json_answer(text: bytes, **fields: Any) -> FakeAnswer:
    return FakeAnswer(segments=[memoryview(text)], **fields)


@dataclass
class Sent:
    """A call as the client sent it."""

    call: int
    method: int
    message: bytes
    segments: list[bytes]
    http: Any = None
    regions_denied: bool = False
    since: int = 0
    about: bytes = b""


Respond = Callable[[Sent], Iterable[FakeAnswer] | None]


@dataclass
class FakeClient:
    """Answers each call with what `respond` returns; None keeps it open until `answer` is called."""

    respond: Respond
    connected: bool = True
    tracing: int = 0
    sent: list[Sent] = field(default_factory=list)
    cancelled: list[int] = field(default_factory=list)
    arena: list[bytearray] = field(default_factory=list)
    changed: Callable[[], None] = lambda: None  # Called after something was sent or cancelled.

    def __post_init__(self) -> None:
        self._event = os.eventfd(0, os.EFD_NONBLOCK)
        self._answers: deque[FakeAnswer] = deque()

    def send(self, method: int, message: Any, segments: Sequence[Any] = (), since: int = 0, about: bytes = b"") -> int:
        sent = Sent(len(self.sent) + 1, method & ~REGIONS_DENIED, bytes(message), [bytes(s) for s in segments])
        sent.regions_denied = bool(method & REGIONS_DENIED)
        sent.since, sent.about = since, about
        return self._take(sent)

    def send_http(self, call: Any, since: int = 0, about: bytes = b"") -> int:
        method = 32 if call.raw_binary else 6
        return self._take(Sent(len(self.sent) + 1, method, b"", [], call, call.regions_denied, since, about))

    def _take(self, sent: Sent) -> int:
        if not self.connected:
            raise TritonError(Code.UNAVAILABLE, "the engine is gone")
        self.sent.append(sent)
        self.changed()
        for answer in self.respond(sent) or ():
            self.answer(sent.call, answer)
        return sent.call

    def answer(self, call: int, answer: FakeAnswer) -> None:
        answer.call = call
        self._answers.append(answer)
        os.eventfd_write(self._event, 1)

    def die(self) -> None:
        """The engine goes without a word: nothing pending is answered."""
        self.connected = False
        os.eventfd_write(self._event, 1)

    def cancel(self, call: int) -> None:
        self.cancelled.append(call)
        self.changed()

    def fileno(self) -> int:
        return self._event

    def poll(self) -> list[FakeAnswer]:
        with contextlib.suppress(BlockingIOError):
            os.eventfd_read(self._event)
        answers = list(self._answers)
        self._answers.clear()
        return answers

    def arm(self) -> bool:
        return not self._answers

    def wait(self, call: int, timeout: float | None = None) -> FakeAnswer | None:
        for answer in self._answers:
            if answer.call == call:
                self._answers.remove(answer)
                return answer
        return None

    def allocate_body(self, byte_size: int) -> bytearray:
        self.arena.append(bytearray(byte_size))
        return self.arena[-1]


@dataclass
class FakeHttpCall:
    model: str
    version: str
    body: Any
    header_length: str | None
    forwarded: list[tuple[str, str]]
    header_id: bytes = b""
    regions_denied: bool = False

    def deny_regions(self) -> None:
        self.regions_denied = True

    @property
    def raw_binary(self) -> bool:
        return self.header_length == "0"


class FakeCodec:
    """Refuses bodies that say so; encodes an answer's segments as its body."""

    def decode_http_infer(
        self,
        model: str,
        version: str,
        body: Any,
        header_length: str | None,
        forwarded: Any = (),
        max_input_size: int = 0,
    ) -> Any:
        if bytes(body[:6]) == b"refuse":
            raise TritonError(Code.INTERNAL, bytes(body).decode())
        return FakeHttpCall(model, version, body, header_length, list(forwarded))

    def encode_http_infer(self, answer: FakeAnswer, call: FakeHttpCall) -> tuple[bytes, int | None]:
        body = b"".join(bytes(segment) for segment in answer.segments)
        return body, 2 if call.raw_binary else None


def _varint(number: int) -> bytes:
    encoded = bytearray()
    while number > 127:
        encoded.append(number & 127 | 128)
        number >>= 7
    encoded.append(number)
    return bytes(encoded)
