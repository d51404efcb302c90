"""frontends/access.py: what goes into headers, and what the access log is told."""

from __future__ import annotations

import pytest

from triton_lite.frontends.access import access_field, header_id
from triton_lite.frontends.grpc import wire


@pytest.mark.parametrize("text", ["one", "a b", "x" * 256, "{}-\"'", ""])
def test_ids_that_fit(text: str) -> None:
    assert header_id(text) == text


@pytest.mark.parametrize("text", ["x" * 257, "a\nb", "a\rb", "\x00", "\x7f", "ä", " a", "a ", "\t"])
def test_ids_that_do_not(text: str) -> None:
    assert header_id(text) == ""


def test_the_field() -> None:
    ((number, value),) = wire.fields(access_field("127.0.0.1:1", 300, "one"))
    assert number == 1003
    assert bytes(value) == (300).to_bytes(8, "little") + b"127.0.0.1:1\none"
