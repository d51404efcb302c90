"""JSON bodies of control requests, read with Triton's checks and texts."""

from __future__ import annotations

import json
from typing import Any, cast

from triton_lite.errors import Code, TritonError

# What `find` returns for a member that is not there: JSON's null is None.
MISSING: Any = type("Missing", (), {"__repr__": lambda self: "MISSING"})()

_MAX_UINT64 = (1 << 64) - 1
_PARSE_FAILED = "failed to parse the request JSON buffer: "


class NestedTooDeep(TritonError):
    """A document with more levels than are looked into."""

    def __init__(self) -> None:
        super().__init__(Code.INVALID_ARGUMENT, "JSON nesting depth exceeds maximum allowed limit")


def parse(body: bytes) -> Any:
    """Parse a document. Of repeated members the first one counts, as in Triton.

    Raises TritonError(INTERNAL) with the parser's text and position, NestedTooDeep for what no endpoint takes.
    """
    if not body:
        raise TritonError(Code.INTERNAL, _PARSE_FAILED + "The document is empty. at 0")
    try:
        return json.loads(body.decode("utf-8", "replace"), object_pairs_hook=_first_of_each)
    except RecursionError:
        raise NestedTooDeep from None
    except ValueError:
        raise _parse_error(body) from None


def find(document: Any, name: str) -> Any:
    """Return a member, or MISSING; nothing is a member of what is no object."""
    return document.get(name, MISSING) if isinstance(document, dict) else MISSING


def members(value: Any) -> dict[str, Any]:
    """Return an object's members. Raises TritonError(INTERNAL) for anything else."""
    if not isinstance(value, dict):
        raise TritonError(Code.INTERNAL, "attempt to get members for non-object")
    return value


def as_string(value: Any) -> str:
    """Return a string. Raises TritonError(INTERNAL) for anything else."""
    return cast(str, _checked(value, isinstance(value, str), "string"))


def as_bool(value: Any) -> bool:
    """Return a boolean. Raises TritonError(INTERNAL) for anything else."""
    return cast(bool, _checked(value, isinstance(value, bool), "boolean"))


def as_unsigned(value: Any) -> int:
    """Return an integer of 0 to 2^64-1. Raises TritonError(INTERNAL) for anything else."""
    fits = isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= _MAX_UINT64
    return cast(int, _checked(value, fits, "unsigned-integer"))


def as_list(value: Any) -> list[Any]:
    """Return an array. Raises TritonError(INTERNAL) for anything else."""
    return cast("list[Any]", _checked(value, isinstance(value, list), "array"))


def required(document: Any, name: str) -> Any:
    """Return a member that must be there. Raises TritonError(INTERNAL) if it is not."""
    value = find(document, name)
    if value is MISSING:
        raise TritonError(Code.INTERNAL, f"attempt to access non-existing object member '{name}'")
    return value


def write(value: Any) -> bytes:
    """Encode as Triton writes JSON: no spaces, UTF-8 as it is."""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode("utf-8", "replace")


def _checked(value: Any, right: bool, kind: str) -> Any:
    if not right:
        raise TritonError(Code.INTERNAL, f"attempt to access JSON non-{kind} as {kind}")
    return value


def _first_of_each(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in pairs:
        found.setdefault(name, value)
    return found


def _parse_error(body: bytes) -> TritonError:
    """The native parser names the first mistake and its place: one parser's texts for all endpoints."""
    from triton_lite._native import decode_http_infer

    try:
        decode_http_infer("", "", body, None)
    except TritonError as error:
        if error.text.startswith(_PARSE_FAILED):
            return error
    return TritonError(Code.INTERNAL, _PARSE_FAILED + "Invalid value. at 0")
