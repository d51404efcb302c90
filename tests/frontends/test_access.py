"""frontends/access.py: what goes into headers, and what the access log is told."""

from __future__ import annotations

import pytest

from triton_lite.frontends.access import about, header_id


@pytest.mark.parametrize("text", ["one", "a b", "x" * 256, "{}-\"'", ""])
def test_ids_that_fit(text: str) -> None:
    assert header_id(text) == text


@pytest.mark.parametrize("text", ["x" * 257, "a\nb", "a\rb", "\x00", "\x7f", "ä", " a", "a ", "\t"])
def test_ids_that_do_not(text: str) -> None:
    assert header_id(text) == ""


def test_what_is_said_of_a_request() -> None:
    assert about("127.0.0.1:1", 300, "one") == (300).to_bytes(8, "little") + b"127.0.0.1:1\none"
