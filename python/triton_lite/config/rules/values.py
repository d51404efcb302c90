"""The rule of values that have names: text and JSON may give any number for one, also a number that is none."""

from __future__ import annotations

from collections.abc import Iterator
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


def _values(message: Any, path: FieldPath) -> Iterator[tuple[FieldPath, Any, int]]:
    """Yield where each value of an enumeration stands, its enumeration and the number."""
    for field, value in message.ListFields():
        if field.enum_type is None and field.message_type is None:
            continue
        here = (*path, field.name)
        if field.message_type is not None and field.message_type.GetOptions().map_entry:
            if field.message_type.fields_by_name["value"].message_type is not None:
                for entry in value.values():
                    yield from _values(entry, here)
            continue
        entries = enumerate(value) if is_repeated(field) else [(None, value)]
        for index, entry in entries:
            at = here if index is None else (*here, index)
            if field.message_type is not None:
                yield from _values(entry, at)
            else:
                yield at, field.enum_type, entry
