"""Error replies: `{"error": text}` under Triton's status and content type."""

from __future__ import annotations

import logging
from typing import Any

from triton_lite.errors import Code, TritonError, http_status
from triton_lite.frontends.http import json_reader
from triton_lite.frontends.http.headers import request_id

JSON = "application/json"
TEXT = "text/plain"  # What Triton's HTTP library sends where its handlers name no type.

RETRY_SECONDS = "1"
"""When whoever was answered 503 may try again."""
_UNAVAILABLE = 503

_log = logging.getLogger("triton_lite.http")


class HeadersRefused(TritonError):
    """A request refused for its headers, before its body is looked at (the reply then has no JSON type in Triton)."""

    def __init__(self, code: Code, text: str, headers: dict[str, str] | None = None) -> None:
        super().__init__(code, text)
        self.headers = headers or {}


def refuse(resp: Any, status: int, text: str, media_type: str) -> None:
    """Answer with an error."""
    resp.status = status
    resp.content_type = media_type
    resp.data = json_reader.write({"error": text})


def refuse_error(resp: Any, error: TritonError, media_type: str) -> None:
    """Answer with an engine's error."""
    status = http_status(error.code)
    refuse(resp, status, error.text, media_type)
    if status == _UNAVAILABLE:
        resp.set_header("Retry-After", RETRY_SECONDS)
    if isinstance(error, HeadersRefused):
        resp.set_headers(error.headers)


def method_not_allowed(resp: Any, media_type: str) -> None:
    """Answer 405."""
    refuse(resp, 405, "Method Not Allowed", media_type)


class NotFound:
    """Answers every path that is none of Triton's."""

    def on_request(self, req: Any, resp: Any, **fields: Any) -> None:
        """Answer 404 to any method."""
        refuse(resp, 404, "Not Found", TEXT)

    async def on_request_async(self, req: Any, resp: Any, **fields: Any) -> None:
        """Answer 404 to any method."""
        refuse(resp, 404, "Not Found", TEXT)


def on_failure(req: Any, resp: Any, error: Exception, params: Any) -> None:
    """Falcon's handler for what nothing else caught: log it, answer 500 without details."""
    about = {"request_id": request_id(req)}
    _log.error("%s %s failed", req.method, req.path, exc_info=error, extra=about)
    refuse(resp, 500, "internal error of the HTTP front end, see its log", JSON)


async def on_failure_async(req: Any, resp: Any, error: Exception, params: Any) -> None:
    """The same for ASGI."""
    on_failure(req, resp, error, params)


def serialize_http_error(req: Any, resp: Any, error: Any) -> None:
    """Falcon's own errors (unknown methods, malformed headers) in the form of the others."""
    resp.content_type = JSON
    resp.data = json_reader.write({"error": error.description or error.title})
