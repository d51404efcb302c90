"""The rule of values that have names: text and JSON may give any number for one, also a number that is none."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from triton_lite.config.error import ConfigError, FieldPath
from triton_lite.config.json_form import is_repeated
from triton_lite.proto import messages


def values_have_names(config: messages.ModelConfig) -> None:
    """A type, a kind and the like is one of those that there are."""
    for path, kind, number in _values(config, ()):
        if number not in kind.values_by_number:
            raise ConfigError(
                f"{number} is no value of '{kind.name}' for {config.name}",
                field=path,
                expected="one of " + ", ".join(kind.values_by_name),
            )


@dataclass(frozen=True)
class _Field:
    """A field that is an enumeration, or leads to messages. Asking its descriptor is slow: once for all models."""

    kind: Any  # The enumeration; None of messages.
    is_map: bool
    is_repeated: bool


@functools.cache
def _field(descriptor: Any) -> _Field | None:
    """Describe a field; None for one that holds no enumeration."""
    message = descriptor.message_type
    if message is None:
        return _Field(descriptor.enum_type, False, is_repeated(descriptor)) if descriptor.enum_type else None
    if message.GetOptions().map_entry:
        return _Field(None, True, False) if message.fields_by_name["value"].message_type is not None else None
    return _Field(None, False, is_repeated(descriptor))


def _values(message: Any, path: FieldPath) -> Iterator[tuple[FieldPath, Any, int]]:
    """Yield where each value of an enumeration stands, its enumeration and the number."""
    for descriptor, value in message.ListFields():
        field = _field(descriptor)
        if field is None:
            continue
        here = (*path, descriptor.name)
        if field.is_map:
            entries: Any = ((here, entry) for entry in value.values())
        elif field.is_repeated:
            entries = (((*here, index), entry) for index, entry in enumerate(value))
        else:
            entries = ((here, value),)
        for at, entry in entries:
            if field.kind is not None:
                yield at, field.kind, entry
            else:
                yield from _values(entry, at)
