"""Content codings of requests and responses: gzip and deflate, by Triton's rules."""

from __future__ import annotations

import re
import zlib
from typing import TYPE_CHECKING

from triton_lite.errors import Code
from triton_lite.frontends.http.replies import HeadersRefused

if TYPE_CHECKING:
    from typing_extensions import Buffer

_AUTOMATIC = 15 | 32  # zlib tells gzip from zlib by the data, whatever the header said.
_WINDOW = {"gzip": 15 | 16, "deflate": 15}
_LEADING_NUMBER = re.compile(r"\s*[-+]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][-+]?[0-9]+)?")


def is_compressed(content_encoding: str | None) -> bool:
    """Tell whether a body has to be inflated. Raises HeadersRefused(UNIMPLEMENTED) for a coding we do not know."""
    if not content_encoding or content_encoding == "identity":
        return False
    if content_encoding in _WINDOW:
        return True
    raise HeadersRefused(Code.UNIMPLEMENTED, "Unsupported compression type", {"Accept-Encoding": "gzip, deflate"})


def inflate(body: Buffer, limit: int) -> bytes:
    """Inflate a request's body of at most `limit` bytes.

    Damaged data give what came out before the damage: the JSON parser then says what is missing.
    Raises HeadersRefused(INVALID_ARGUMENT) for an empty body or a too large result.
    """
    view = memoryview(body).cast("B")
    if not view:
        raise HeadersRefused(Code.INVALID_ARGUMENT, "nothing to be decompressed")
    inflater = zlib.decompressobj(_AUTOMATIC)
    try:
        inflated = inflater.decompress(view, limit + 1)
    except zlib.error:
        return b""
    if len(inflated) > limit:
        raise HeadersRefused(
            Code.INVALID_ARGUMENT,
            f"Decompressed data size exceeds the maximum allowed value of {limit} bytes. "
            "Use --http-max-input-size to increase the limit.",
        )
    return inflated


def accepted_coding(accept_encoding: str | None) -> str | None:
    """Return the coding that an Accept-Encoding header asks for, or None to send the body as it is.

    The largest weight wins, of equal ones the first; `*` and unknown codings count for nothing.
    """
    if not accept_encoding:
        return None
    best, best_weight = "identity", 0.0
    for entry in accept_encoding.split(","):
        name, marked, weight_text = entry.lstrip(" ").partition(";q=")
        weight = _weight(weight_text) if marked else 1.0
        if name in ("identity", "deflate", "gzip") and weight > best_weight:
            best, best_weight = name, weight
    return None if best == "identity" else best


def deflate(body: bytes, coding: str) -> bytes:
    """Compress a response's body."""
    deflater = zlib.compressobj(wbits=_WINDOW[coding])
    return deflater.compress(body) + deflater.flush()


def _weight(text: str) -> float:
    number = _LEADING_NUMBER.match(text)
    return float(number[0]) if number else 0.0
