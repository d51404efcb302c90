"""Versions as requests write them."""

from __future__ import annotations

import re

from triton_lite.errors import Code, TritonError

_NUMBER = re.compile(r"\s*[+-]?\d+")
_LARGEST = 2**63 - 1


def parse_version(text: str) -> int:
    """Read the version of a request: -1 for an empty text, which means the latest.

    Raises TritonError(INVALID_ARGUMENT) with Triton's text.
    """
    if not text:
        return -1
    found = _NUMBER.match(text)
    number = int(found.group()) if found else _LARGEST + 1
    if not -_LARGEST - 1 <= number <= _LARGEST:
        raise TritonError(
            Code.INVALID_ARGUMENT,
            f"failed to get model version from specified version string '{text}' (details: stol), version should be"
            " an integral value > 0",
        )
    if number < 0:
        raise TritonError(
            Code.INVALID_ARGUMENT,
            f"invalid model version specified '{text}' , version should be an integral value > 0",
        )
    return number
