"""The values of trace settings as both protocols carry them: texts, which the server reads with C++'s rules."""

from __future__ import annotations

import re
from collections.abc import Iterable

from triton_lite.errors import Code, TritonError

_INT32_MIN, _INT32_MAX = -(1 << 31), (1 << 31) - 1
_UINT32_MAX = (1 << 32) - 1
_LEADING_INTEGER = re.compile(r"[ \t\n\v\f\r]*([+-]?)([0-9]+)")
# More digits are out of range, and Python refuses to read very many.
_MOST_DIGITS = 20

OFF, TIMESTAMPS, TENSORS = 0, 1, 2
"""Trace levels; the last two are bits."""
LEVELS = {"OFF": OFF, "TIMESTAMPS": TIMESTAMPS, "TENSORS": TENSORS}
NUMBERS = ("trace_rate", "trace_count", "log_frequency")
LOWEST_COUNT = -1


def parse_levels(names: Iterable[str], count: int) -> int | None:
    """Add `count` levels up; None if none of the names is a level. Raises TritonError(INVALID_ARGUMENT)."""
    level: int | None = None
    for name in names:
        if name == "OFF" and count > 1:
            raise TritonError(Code.INVALID_ARGUMENT, "Expect only one trace level 'OFF' is specified")
        if name in LEVELS:
            level = (level or OFF) | LEVELS[name]
    return level


def parse_number(setting: str, text: str, *, got: str = ", got: ") -> int:
    """Read a setting's number: leading blanks, a sign, digits, and whatever follows them.

    A count is a signed, the others an unsigned number of 32 bits, to which negative ones are converted.
    `got`: what stands before the text in the refusal of a count that is too low, in which the protocols differ.
    Raises TritonError(INVALID_ARGUMENT).
    """
    found = _LEADING_INTEGER.match(text)
    if found is None:
        raise TritonError(Code.INVALID_ARGUMENT, f"Unable to parse '{setting}', got: {text}")
    is_count = setting == "trace_count"
    digits = found[2].lstrip("0")
    number = int(found[1] + (digits or "0")) if len(digits) <= _MOST_DIGITS else _UINT32_MAX
    if not _INT32_MIN <= number <= _INT32_MAX:
        lowest, highest = (LOWEST_COUNT, _INT32_MAX) if is_count else (0, _UINT32_MAX)
        raise TritonError(
            Code.INVALID_ARGUMENT,
            f"Unable to parse '{setting}', value is out of range [ {lowest}, {highest} ], got: {text}",
        )
    if is_count and number < LOWEST_COUNT:
        raise TritonError(
            Code.INVALID_ARGUMENT, f"Unable to parse '{setting}'. Expecting value >= {LOWEST_COUNT}{got}{text}"
        )
    return number if is_count else number & _UINT32_MAX
