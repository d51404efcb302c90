"""HTTP connections of `worker.Worker`: gunicorn's, and what it leaves to others to decide."""

from __future__ import annotations

import re
from collections import deque
from typing import Any

from gunicorn.asgi.protocol import ASGIProtocol  # type: ignore[import-untyped]

from triton_lite.frontends.pieces import Pieces

# What gunicorn's parser says of a request that has both; RFC 9112, 6.1, leaves it to servers whether to take such.
_BOTH = "Content-Length with Transfer-Encoding"
_LENGTH = re.compile(rb"content-length:[ \t]*([0-9]{1,18})[ \t]*", re.IGNORECASE)
# The parser moves what it was given once for each chunk that it takes from that: much of it takes long.
_SLICE_BYTE_SIZE = 1 << 13
# So many chunks that wait are handed on one by one.
_FEW = 8


class Connection(ASGIProtocol):  # type: ignore[misc]
    """A connection that takes requests with both Content-Length and Transfer-Encoding, as Triton does.

    They are read as chunked, but only if the chunks end where the length does: whoever stands between the client and us
    sees the same request then, whichever header that takes (else requests could be smuggled). The connection is closed
    after the answer.
    """

    def __init__(self, worker: Any) -> None:
        super().__init__(worker)
        self._callback_parser: Any
        self._head: list[bytes] = []  # What came of a request whose head is not there as a whole.
        self._body_left: int | None = None  # Of a request with both, by its Content-Length.

    def _feed_callback_parser(self, data: bytes) -> bool:
        if self._current_request is not None:
            return self._feed_body(data) if self._body_left is None else self._feed_both(data)
        if len(data) > _SLICE_BYTE_SIZE:  # Maybe with much of a body of tiny chunks.
            head, rest = data[:_SLICE_BYTE_SIZE], data[_SLICE_BYTE_SIZE:]
            return self._feed_callback_parser(head) and self._feed_callback_parser(rest)
        self._head.append(data)
        try:
            self._callback_parser.feed(data)
        except Exception as error:
            return self._begin_both() if str(error) == _BOTH else self._refuse(error)
        if self._current_request is not None:
            self._head.clear()
        return True

    def _feed_body(self, data: bytes) -> bool:
        """Feed what comes behind a head; many small chunks are handed on as one, each would take as long as that."""
        if not self._callback_parser.is_chunked:
            return bool(super()._feed_callback_parser(data))
        for start in range(0, len(data), _SLICE_BYTE_SIZE):
            if not super()._feed_callback_parser(data[start : start + _SLICE_BYTE_SIZE]):
                return False
        receiver = self._body_receiver
        if receiver is not None and len(receiver._chunks) > _FEW:
            receiver._chunks = deque((Pieces.joined(receiver._chunks),))
        return True

    def _begin_both(self) -> bool:
        head, _, body = b"".join(self._head).partition(b"\r\n\r\n")
        self._head.clear()
        lines = head.split(b"\r\n")
        lengths = [match for line in lines if (match := _LENGTH.fullmatch(line))]
        kept = [line for line in lines[1:] if not line.lower().startswith((b"content-length:", b"connection:"))]
        if len(lengths) != 1:
            return self._refuse_with(_BOTH)
        self._setup_callback_parser()
        for line in (lines[0], b"Connection: close", *kept, b""):
            if not self._feed_callback_parser(line + b"\r\n"):
                return False
        self._body_left = int(lengths[0][1])
        return self._feed_both(body)

    def _feed_both(self, data: bytes) -> bool:
        """Feed as much as the length allows; what is beyond it belongs to no request of ours."""
        assert self._body_left is not None
        piece = data[: self._body_left]
        if not piece:
            return True
        self._body_left -= len(piece)
        if not self._feed_body(piece):
            return False
        parser = self._callback_parser
        if parser.is_complete != (self._body_left == 0) or parser.remaining():
            return self._refuse_with("Content-Length and chunks end at different places")
        return True

    def _refuse(self, error: Exception) -> bool:
        """Answer what the parser said of a request, in gunicorn's way, and close."""
        self._callback_parser = _Failing(error)
        return bool(super()._feed_callback_parser(b""))

    def _refuse_with(self, text: str) -> bool:
        self._send_error_response(400, text)
        self._close_transport()
        return False


class _Failing:
    """Stands for a parser: fails again as it did, so that gunicorn answers it."""

    is_complete = False

    def __init__(self, error: Exception) -> None:
        self._error = error

    def feed(self, data: bytes) -> None:
        raise self._error

    def remaining(self) -> bytes:
        return b""
