"""frontends/access.py: what goes into headers, and what the access log is told."""

from __future__ import annotations

import pytest

from triton_lite.frontends.access import about, about_asgi, about_grpc, header_id


@pytest.mark.parametrize("text", ["one", "a b", "x" * 256, "{}-\"'", ""])
def test_ids_that_fit(text: str) -> None:
    assert header_id(text) == text


@pytest.mark.parametrize("text", ["x" * 257, "a\nb", "a\rb", "\x00", "\x7f", "ä", " a", "a ", "\t"])
def test_ids_that_do_not(text: str) -> None:
    assert header_id(text) == ""


def test_what_is_said_of_a_request() -> None:
    assert about("127.0.0.1:1", 300, "one") == (300).to_bytes(8, "little") + b"127.0.0.1:1\none"


def test_of_either_protocol() -> None:
    said = about("127.0.0.1:1", 300, "one")
    assert about_asgi(("127.0.0.1", 1), 300, b"one") == about_grpc("ipv4:127.0.0.1:1", 300, "one") == said
    assert about_asgi(None, 300, b"a\nb") == about("", 300)
    assert about_grpc("ipv6:%5B::1%5D:5", 300) == about("[::1]:5", 300)
