"""Request headers that become parameters of an inference (--http-header-forward-pattern), and the request's id."""

from __future__ import annotations

import re
from typing import Any

from triton_lite.errors import Code, TritonError
from triton_lite.frontends.access import ID_HEADER, header_id
from triton_lite.frontends.http.raw_headers import as_sent, sent_headers
from triton_lite.frontends.reserved_headers import is_reserved


def forwarded(req: Any, pattern: re.Pattern[str] | None) -> list[tuple[str, str]]:
    """Return the headers in whose name the pattern is found, as they came: of those of one name the last.

    Raises TritonError(INVALID_ARGUMENT) for a name that Triton keeps for itself.
    """
    if pattern is None:
        return []
    found = {}
    sent = sent_headers(req)
    for parsed, joined in req.headers.items():
        for name, value in as_sent(parsed.lower(), joined, sent):
            if not pattern.search(name):
                continue
            if is_reserved(name):
                raise TritonError(
                    Code.INVALID_ARGUMENT, f"Header '{name}' is reserved for Triton usage and cannot be forwarded."
                )
            found[name] = _text(value)
    return list(found.items())


def _text(value: str) -> str:
    """Return the text of a header's value, which servers decode as Latin-1: UTF-8 if it can be that."""
    if value.isascii():
        return value
    try:
        return value.encode("latin-1").decode()
    except UnicodeError:
        return value


def request_id(req: Any) -> str:
    """Return the x-request-id that came with a request, "" if there is none that can be given back."""
    return header_id(req.get_header(ID_HEADER) or "")


def set_request_id(resp: Any, text: str) -> None:
    """Name the request in its answer's headers."""
    if text:
        resp.set_header(ID_HEADER, text)
