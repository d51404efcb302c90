"""frontends/http/compression.py: content codings."""

from __future__ import annotations

import gzip
import zlib

import pytest

from triton_lite.errors import Code
from triton_lite.frontends.http.compression import accepted_coding, deflate, inflate, is_compressed
from triton_lite.frontends.http.replies import HeadersRefused


@pytest.mark.parametrize(
    ("header", "coding"),
    [
        (None, None),
        ("", None),
        ("gzip", "gzip"),
        ("deflate", "deflate"),
        ("gzip, deflate", "gzip"),
        ("deflate, gzip", "deflate"),
        ("gzip;q=0.5, deflate", "deflate"),
        ("gzip;q=0.5, deflate;q=0.5", "gzip"),
        ("identity, gzip", None),
        ("identity;q=0.1, gzip;q=0.2", "gzip"),
        ("gzip;q=0", None),
        ("gzip;q=x, deflate;q=0.1", "deflate"),
        ("*", None),
        ("br, *;q=0.1", None),
        (";q=1,gzip", "gzip"),
        ("gzip;q=1e-1,deflate;q=.2x", "deflate"),
        ("gzip; q=0.5", None),
    ],
)
def test_accepted_coding(header: str | None, coding: str | None) -> None:
    assert accepted_coding(header) == coding


def test_content_encoding() -> None:
    assert not is_compressed(None) and not is_compressed("") and not is_compressed("identity")
    assert is_compressed("gzip") and is_compressed("deflate")
    with pytest.raises(HeadersRefused, match="Unsupported compression type") as raised:
        is_compressed("br")
    assert raised.value.code == Code.UNIMPLEMENTED
    assert raised.value.headers == {"Accept-Encoding": "gzip, deflate"}


def test_inflates_either_format() -> None:
    assert inflate(gzip.compress(b"abc"), 3) == b"abc"
    assert inflate(zlib.compress(b"abc"), 3) == b"abc"


def test_what_cannot_be_inflated() -> None:
    assert inflate(b"no compression at all", 100) == b""
    whole = zlib.compress(bytes(range(256)))
    assert bytes(range(256)).startswith(inflate(whole[:100], 1000))
    with pytest.raises(HeadersRefused, match="nothing to be decompressed"):
        inflate(b"", 100)


def test_inflating_stops_at_the_limit() -> None:
    bomb = zlib.compress(bytes(50 << 20))
    assert len(bomb) < 100_000
    with pytest.raises(HeadersRefused) as raised:
        inflate(bomb, 1 << 20)
    assert raised.value.text == (
        "Decompressed data size exceeds the maximum allowed value of 1048576 bytes. "
        "Use --http-max-input-size to increase the limit."
    )


def test_deflates() -> None:
    assert gzip.decompress(deflate(b"abc" * 100, "gzip")) == b"abc" * 100
    assert zlib.decompress(deflate(b"abc" * 100, "deflate")) == b"abc" * 100
