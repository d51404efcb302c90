"""Inference that is answered with an error, without Falcon's response objects."""

from __future__ import annotations

from triton_lite.errors import TritonError
from triton_lite.frontends.access import ID_HEADER, header_id
from triton_lite.frontends.http.front_end import FrontEnd
from triton_lite.frontends.http.infer import refuse_async
from triton_lite.frontends.http.replies import JSON

Headers = list[tuple[bytes, bytes]]

_ID_HEADER = ID_HEADER.encode()


class Refusal:
    """As much of Falcon's response as a refusal sets."""

    status = 200
    content_type = JSON
    data = b""

    def __init__(self) -> None:
        self._headers: Headers = []

    def set_header(self, name: str, value: str) -> None:
        """As Falcon's."""
        self._headers.append((name.lower().encode(), value.encode()))

    def set_headers(self, headers: dict[str, str]) -> None:
        """Refusals of headers happen before a request comes here."""

    def headers(self, request_id: bytes) -> Headers:
        """All that belong to `data`."""
        headers = with_id([(b"content-type", self.content_type.encode()), *self._headers], request_id)
        return [*headers, content_length(self.data)]


async def refusal_of(front_end: FrontEnd, model: str, version: str, error: TritonError, in_model: bool) -> Refusal:
    """Make the answer of an inference that failed. in_model: whether the error arose there, past validation."""
    refusal = Refusal()
    await refuse_async(front_end, refusal, model, version, error, in_model)
    return refusal


def with_id(headers: Headers, request_id: bytes) -> Headers:
    """Add the x-request-id, if it can stand in a header."""
    if request_id and header_id(request_id.decode("latin-1")):
        headers.append((_ID_HEADER, request_id))
    return headers


def content_length(body: bytes) -> tuple[bytes, bytes]:
    """Return the header of a body."""
    return b"content-length", b"%d" % len(body)
