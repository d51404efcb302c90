"""Reads ordinary text format several times faster than protobuf's own parser, which takes half of what 1,000 small
models take to load. Whatever is not ordinary, errors above all, is left to protobuf: `parse` says so with None.
"""

from __future__ import annotations

import re
from functools import cache, lru_cache
from typing import Any, NamedTuple

from triton_lite.config.json_form import is_repeated
from triton_lite.proto import messages

_TOKEN = r"""[A-Za-z_]\w*|-?\d+(?:\.\d+)?(?![\w.+-])|"[^"\\\n]*"|[{}\[\]:,;]"""
# Possessive, so that text that is none takes no longer than text that is.
_ORDINARY = re.compile(rf"(?>[ \t\r\n]++|\#[^\n]*+(?:\n|$)|{_TOKEN})*+")
_TOKENS = re.compile(rf"\#[^\n]*|({_TOKEN})")
_BOOLS = {"true": True, "false": False, "True": True, "False": False, "t": True, "f": False}
_MOST_NESTED = 50
_MOST_REMEMBERED = 64  # Many models of a repository may have the same text.


class _Unusual(Exception):
    """Something for protobuf's own parser."""


class _Field(NamedTuple):
    repeated: bool
    message: type[Any] | None  # Of a message: its class.
    entry: bool  # Of a map.
    enum: dict[str, int] | None
    kind: str  # "int", "float", "str", "bool".
    once: str  # Of a field that may be given once: its name, or that of the oneof it belongs to.


def parse(text: str) -> messages.ModelConfig | None:
    """Parse a ModelConfig; None when protobuf has to do it (and, most likely, to complain)."""
    known = _parse(text)
    if known is None:
        return None
    config = messages.ModelConfig()
    config.CopyFrom(known)
    return config


@lru_cache(_MOST_REMEMBERED)
def _parse(text: str) -> messages.ModelConfig | None:
    if not _ORDINARY.fullmatch(text):
        return None
    tokens = [token for token in _TOKENS.findall(text) if token]
    config = messages.ModelConfig()
    try:
        end = _fill(config, tokens, 0, 0)
    except (_Unusual, IndexError, KeyError, ValueError, TypeError, AttributeError):
        return None
    return config if end == len(tokens) else None


def _fill(message: Any, tokens: list[str], at: int, depth: int) -> int:
    """Fill a message until its closing brace or the end; returns the position of that."""
    fields = _fields(message.DESCRIPTOR)
    if depth > _MOST_NESTED:
        raise _Unusual
    given: set[str] = set()
    while at < len(tokens) and tokens[at] != "}":
        name = tokens[at]
        field = fields[name]
        if field.once in given:
            raise _Unusual
        if field.once:
            given.add(field.once)
        colon = tokens[at + 1] == ":"
        at += 1 + colon
        if field.message is None and not colon:
            raise _Unusual
        if tokens[at] == "[":
            at = _fill_list(message, name, field, tokens, at, depth)
        else:
            at = _fill_one(message, name, field, tokens, at, depth)
        if at < len(tokens) and tokens[at] in ",;":
            at += 1
    return at


def _fill_list(message: Any, name: str, field: _Field, tokens: list[str], at: int, depth: int) -> int:
    if not field.repeated:
        raise _Unusual
    at += 1
    if tokens[at] == "]":
        return at + 1
    while True:
        at = _fill_one(message, name, field, tokens, at, depth)
        if tokens[at] == "]":
            return at + 1
        if tokens[at] != ",":
            raise _Unusual
        at += 1


def _fill_one(message: Any, name: str, field: _Field, tokens: list[str], at: int, depth: int) -> int:
    if field.message is None:
        value = _scalar(field, tokens[at])
        if field.repeated:
            getattr(message, name).append(value)
        else:
            setattr(message, name, value)
        return at + 1
    if tokens[at] != "{":
        raise _Unusual
    if field.entry:
        entry = field.message()
        at = _fill(entry, tokens, at + 1, depth + 1)
        of = getattr(message, name)
        if field.message.DESCRIPTOR.fields_by_name["value"].message_type is not None:
            of[entry.key].CopyFrom(entry.value)
        else:
            of[entry.key] = entry.value
    elif field.repeated:
        at = _fill(getattr(message, name).add(), tokens, at + 1, depth + 1)
    else:
        inner = getattr(message, name)
        inner.SetInParent()
        at = _fill(inner, tokens, at + 1, depth + 1)
    if tokens[at] != "}":
        raise _Unusual
    return at + 1


def _scalar(field: _Field, token: str) -> Any:
    if field.enum is not None:
        return field.enum[token]
    if field.kind == "str":
        if token[0] != '"':
            raise _Unusual
        return token[1:-1]
    if field.kind == "bool":
        return _BOOLS[token]
    if field.kind == "int":
        if token[0] == "0" and len(token) > 1:
            raise _Unusual  # Octal.
        return int(token)
    return float(token)


@cache
def _fields(descriptor: Any) -> dict[str, _Field]:
    return {field.name: _field(field) for field in descriptor.fields}


def _field(field: Any) -> _Field:
    from google.protobuf import message_factory

    of = field.message_type
    repeated = is_repeated(field)
    kinds = {field.CPPTYPE_STRING: "str", field.CPPTYPE_BOOL: "bool"}
    kinds |= dict.fromkeys((field.CPPTYPE_FLOAT, field.CPPTYPE_DOUBLE), "float")
    return _Field(
        repeated,
        message_factory.GetMessageClass(of) if of is not None else None,
        bool(of is not None and of.GetOptions().map_entry),
        {value.name: value.number for value in field.enum_type.values} if field.enum_type is not None else None,
        kinds.get(field.cpp_type, "int"),
        "" if repeated else field.containing_oneof.name if field.containing_oneof is not None else field.name,
    )
