"""Texts to values: one function for each type of value. Errors are ValueError, in Triton's words where it has some."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any

INT_MAX = (1 << 31) - 1
INT_MIN = -(1 << 31)
PORT_MAX = 65535
RESTRICTABLE = (
    "health",
    "metadata",
    "inference",
    "shared-memory",
    "model-config",
    "model-repository",
    "statistics",
    "trace",
    "logging",
)
_BOOLS = {"true": True, "on": True, "1": True, "false": False, "off": False, "0": False}
_ORIGIN = re.compile(r"[a-z][a-z0-9+.-]*://[^/\s?#@]+")
_LEADING_FLAGS = re.compile(r"\(\?([imsU]*)(?:-([imsU]+))?\)")
_INTEGER = re.compile(r"[+-]?[0-9]+")


def text(argument: str) -> str:
    """Take any text."""
    return argument


def nonempty(message: str) -> Callable[[str], str]:
    """Take any text but the empty one, which gets `message`."""

    def parse(argument: str) -> str:
        if not argument:
            raise ValueError(message)
        return argument

    return parse


def boolean(argument: str) -> bool:
    """Take true, on, 1, false, off or 0, in any case."""
    value = _BOOLS.get(argument.lower())
    if value is None:
        raise ValueError(f"invalid value for bool option: {argument}")
    return value


def integer_in(low: int, high: int) -> Callable[[str], int]:
    """Take a whole number from `low` to `high`."""

    def parse(argument: str) -> int:
        # Triton stops reading at the first character that is no digit; a number with a tail is refused here.
        if not _INTEGER.fullmatch(argument.strip()):
            raise ValueError(f"Invalid option value. Got {argument}")
        value = int(argument)
        if not low <= value <= high:
            raise ValueError(f"Provided option value is out of bound. Got {argument}")
        return value

    return parse


integer = integer_in(INT_MIN, INT_MAX)
count = integer_in(0, INT_MAX)
byte_size = integer_in(0, (1 << 63) - 1)
port = integer_in(0, PORT_MAX)


def within(low: int, high: int, message: str) -> Callable[[str], int]:
    """Take a whole number from `low` to `high`; others get `message`."""
    parse_wide = integer_in(-(1 << 63), (1 << 63) - 1)

    def parse(argument: str) -> int:
        value = parse_wide(argument)
        if not low <= value <= high:
            raise ValueError(message)
        return value

    return parse


def number(argument: str) -> float:
    """Take a decimal number."""
    try:
        return float(argument)
    except ValueError:
        raise ValueError(f"Invalid option value. Got {argument}") from None


def verbosity(argument: str) -> int:
    """Take a verbose level, or true (1) or false (0)."""
    lowered = argument.lower()
    if lowered in ("true", "false"):
        return int(lowered == "true")
    return integer(argument)


def one_of(choices: Sequence[str], message: str, fold: bool = True) -> Callable[[str], str]:
    """Take one of `choices` (`fold`: in any case); others get `message`."""

    def parse(argument: str) -> str:
        value = argument.lower() if fold else argument
        if value not in choices:
            raise ValueError(message)
        return value

    return parse


def pattern(argument: str) -> str:
    """Take a regular expression; names of headers know no case, so the expression ignores it unless it says (?-i)."""
    given = _LEADING_FLAGS.match(argument)
    flags = {"i"}
    if given is not None:  # RE2 can switch flags off for all of an expression, Python only for a part.
        flags = (flags | set(given[1])) - set(given[2] or "") - {"U"}
        argument = argument[given.end() :]
    expression = f"(?{''.join(sorted(flags))}){argument}" if flags and argument else argument
    try:
        re.compile(expression)
    except re.error as error:
        raise ValueError(f"a regular expression was expected, e.g. X-.*; {argument!r} is none: {error}") from None
    return expression


def pair(first: Callable[[str], Any], second: Callable[[str], Any], delimiter: str) -> Callable[[str], tuple[Any, Any]]:
    """Take two values with `delimiter` between them."""

    def parse(argument: str) -> tuple[Any, Any]:
        left, found, right = argument.partition(delimiter)
        if not found:
            raise ValueError(
                "Cannot parse pair option due to incorrect number of inputs."
                f"--<pair option> argument requires format <first>{delimiter}<second>. Found: {argument}"
            )
        return first(left), second(right)

    return parse


def named_setting(option: str, what: str, needs_name: bool) -> Callable[[str], tuple[str, str, str]]:
    """Take `name,setting=value`, or (unless `needs_name`) `setting=value`, whose name is then empty.

    option: for the error texts; what: what its name names there ("backend", "cache").
    """
    form = f"<{what} name>,<setting>=<value>"

    def parse(argument: str) -> tuple[str, str, str]:
        # The comma may stand in the value of an unnamed setting: only one before the first "=" ends a name.
        head, equals, value = argument.partition("=")
        name, comma, setting = head.rpartition(",")
        if (comma or needs_name) and not name:
            alternative = "" if needs_name else " or <setting>=<value>"
            raise ValueError(f"No {what} specified. --{option} option format is {form}{alternative}. Got {argument}")
        if not (equals and setting and value):
            raise ValueError(f"--{option} option format is '{form}'. Got {argument}")
        return name, setting, value

    return parse


def metrics_setting(argument: str) -> tuple[str, str]:
    """Take `setting=value`."""
    setting, _, value = argument.partition("=")
    if not (setting and value) or "," in setting:
        raise ValueError(f"--metrics-config option format is <setting>=<value>. Got {argument}")
    return setting, value


def restriction(option: str, what: str) -> Callable[[str], tuple[tuple[str, ...], str, str]]:
    """Take `api,api:key=value`: the restricted groups, the header's key and the value it must carry."""

    def parse(argument: str) -> tuple[tuple[str, ...], str, str]:
        names, _, rest = argument.partition(":")
        key, _, value = rest.partition("=")
        if not (names and key and value):
            raise ValueError(f"--{option} option format is '<config name>:<setting>=<value>'. Got {argument}")
        groups = tuple(names.split(","))
        for group in groups:
            if group not in RESTRICTABLE:
                raise ValueError(f"unknown restricted {what} '{group}'; it is one of {', '.join(RESTRICTABLE)}")
        return groups, key, value

    return parse


def origin(argument: str) -> str:
    """Take the origin of web pages: scheme, host and port if need be; * for any."""
    if argument != "*" and not _ORIGIN.fullmatch(argument):
        raise ValueError(f"an origin was expected, https://host or https://host:port, or *. Got {argument}")
    return argument


def host_policy(argument: str) -> tuple[str, str, str]:
    """Take `policy,setting=value`."""
    name, _, rest = argument.partition(",")
    setting, _, value = rest.partition("=")
    if not (name and setting and value):
        raise ValueError(f"--host-policy option format is '<policy name>,<setting>=<value>'. Got {argument}")
    return name, setting, value


def rate_limit_resource(argument: str) -> tuple[str, int, int | None]:
    """Take `name:count` or `name:count:device`; the device is None if it is not given."""
    parts = argument.split(":")
    if len(parts) not in (2, 3):
        raise ValueError(
            "--rate-limit-resource option format is '<resource_name>:<count>:<device>' or "
            f"'<resource_name>:<count>'. Got {argument}"
        )
    return parts[0], integer(parts[1]), integer(parts[2]) if len(parts) == 3 else None
