"""The one error type of the Python side, and the one table from gRPC's status codes to HTTP's."""

from __future__ import annotations

import enum


class Code(enum.IntEnum):
    """gRPC status codes, as the engine gives them."""

    OK = 0
    CANCELLED = 1
    UNKNOWN = 2
    INVALID_ARGUMENT = 3
    DEADLINE_EXCEEDED = 4
    NOT_FOUND = 5
    ALREADY_EXISTS = 6
    PERMISSION_DENIED = 7
    RESOURCE_EXHAUSTED = 8
    FAILED_PRECONDITION = 9
    ABORTED = 10
    OUT_OF_RANGE = 11
    UNIMPLEMENTED = 12
    INTERNAL = 13
    UNAVAILABLE = 14
    DATA_LOSS = 15
    UNAUTHENTICATED = 16


class TritonError(Exception):
    """A status that is not OK: a code and the exact text that the client sees."""

    def __init__(self, code: Code | int, text: str) -> None:
        super().__init__(text)
        self.code = Code(code)
        self.text = text


_HTTP_STATUS = {
    Code.OK: 200,
    Code.NOT_FOUND: 404,
    Code.INTERNAL: 500,
    Code.UNIMPLEMENTED: 501,
    Code.UNAVAILABLE: 503,
}


def http_status(code: Code | int) -> int:
    """Translate a gRPC status code as Triton's HTTP server does: 400 for what has no status of its own."""
    return _HTTP_STATUS.get(Code(code), 400)
