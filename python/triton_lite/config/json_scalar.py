"""JSON scalars as values of protobuf fields: what fits, and how protobuf spells what does not."""

from __future__ import annotations

import math
import re
from typing import Any

from triton_lite.config.json_text import Value

_INTEGER = re.compile(r"[\t\n\v\f\r]*([+-]?[0-9]+)[\t\n\v\f\r]*")
# Leading zeros are allowed; more digits than this are nobody's number, and slow to read.
_MOST_DIGITS = 1000

_FLOAT_END = 3.4028235677973366e38  # What is less than that is rounded to a number of single precision.
_INFINITE = {"Infinity": math.inf, "-Infinity": -math.inf, "NaN": math.nan}
_HEXADECIMAL = re.compile(r"[+-]?0[xX]")  # The text of a number is read by strtod.
_TRUE = frozenset(("true", "t", "yes", "y", "1"))
_FALSE = frozenset(("false", "f", "no", "n", "0"))

# Names of protobuf's field types by their number, without the prefix TYPE_.
_TYPES = {1: "DOUBLE", 2: "FLOAT", 3: "INT64", 4: "UINT64", 5: "INT32", 8: "BOOL", 9: "STRING", 13: "UINT32"}
_INTEGERS = {  # The least, and one more than the largest.
    3: (-(1 << 63), 1 << 63),
    4: (0, 1 << 64),
    5: (-(1 << 31), 1 << 31),
    13: (0, 1 << 32),
}


class NoFit(ValueError):
    """A value that a field cannot take; says what it can."""


def convert(field: Any, value: Value) -> Any:
    """Return a scalar as the value that the field takes. Raises NoFit."""
    if field.message_type is not None:
        raise NoFit("an object")
    if field.enum_type is not None:
        return _enum(field.enum_type, value)
    if field.type in _INTEGERS:
        return _integer(value, *_INTEGERS[field.type])
    if field.type in (field.TYPE_FLOAT, field.TYPE_DOUBLE):
        return _real(value, _FLOAT_END if field.type == field.TYPE_FLOAT else math.inf)
    if field.type == field.TYPE_BOOL:
        return _boolean(value)
    if isinstance(value, str):
        return value
    raise NoFit("a string")


def type_name(field: Any) -> str:
    """Spell the type of a field as protobuf's errors do."""
    named = field.message_type or field.enum_type
    if named is not None:
        return f"type.googleapis.com/{named.full_name}"
    return f"TYPE_{_TYPES[field.type]}"


def spelled(value: Value) -> str:
    """Spell a scalar as protobuf's errors do."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        short = f"{value:.15g}"
        return short if float(short) == value else f"{value:.17g}"
    return f'"{value}"' if isinstance(value, str) else str(value)


def _integer(value: Value, low: int, end: int) -> int:
    number: int | None = None
    if isinstance(value, str):
        found = _INTEGER.fullmatch(value)
        # "-0" is no unsigned number.
        if found and (low or not found[1].startswith("-")) and len(found[1]) < _MOST_DIGITS:
            number = int(found[1])
    elif isinstance(value, float):
        number = int(value) if value.is_integer() else None
    elif isinstance(value, int) and not isinstance(value, bool):
        number = value
    if number is None or not low <= number < end:
        raise NoFit(f"an integer of {low} to {end - 1}")
    return number


def _real(value: Value, end: float) -> float:
    number = math.inf
    if isinstance(value, str):
        if value in _INFINITE:
            return _INFINITE[value]
        number = _parsed(value)
    elif isinstance(value, (int, float)) and not isinstance(value, bool):
        number = float(value)
    if not math.isfinite(number) or abs(number) >= end:
        raise NoFit("a number")
    return number


def _parsed(text: str) -> float:
    if "_" in text or not text.isascii() or text[:1] == " " or text[-1:] == " ":
        return math.inf
    try:
        return float.fromhex(text) if _HEXADECIMAL.match(text) else float(text)
    except (ValueError, OverflowError):
        return math.inf


def _boolean(value: Value) -> bool:
    if isinstance(value, bool):
        return value
    word = value.lower() if isinstance(value, str) else ""
    if word in _TRUE or word in _FALSE:
        return word in _TRUE
    raise NoFit("true or false")


def _enum(kind: Any, value: Value) -> int:
    """Numbers need not be of the enum's values, names do, and numbers in strings too."""
    if not isinstance(value, str):
        return _integer(value, *_INTEGERS[5])
    names = kind.values_by_name
    named = names.get(value) or names.get(value.replace("-", "_").upper())
    if named is not None:
        return int(named.number)
    try:
        number = _integer(value, *_INTEGERS[5])
    except NoFit:
        number = -1
    if number not in kind.values_by_number:
        raise NoFit("one of " + ", ".join(names))
    return number
