"""All faults that a rule finds. A rule stops at the first: what it found is mended in a copy, and the rule asked again.

The mended copy has no other purpose, so what counts is only that the rule gets further.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from triton_lite.config.error import ConfigError, FieldPath
from triton_lite.proto import messages

Rule = Callable[[messages.ModelConfig], None]

# Of one rule: a file of ten thousand wrong lines is wrong enough after these.
_MOST_FAULTS = 100


@dataclass(frozen=True)
class Repair:
    """A copy of a configuration in which something was changed. removed: the element that is no longer there."""

    config: messages.ModelConfig
    removed: FieldPath = ()


Repairs = Callable[[messages.ModelConfig, ConfigError], Iterator[Repair]]
"""Offers repairs for an error, the one with the fewest consequences first."""


def all_faults(rule: Rule, config: messages.ModelConfig, repairs: Repairs | None = None) -> list[ConfigError]:
    """Return everything that `rule` has against `config`, which stays as it is. Indices are those of `config`."""
    offer = repairs or removal
    rest = copy_of(config)
    errors: list[ConfigError] = []
    removed: dict[FieldPath, list[int]] = {}
    error = _first_fault(rule, rest)
    while error is not None and len(errors) < _MOST_FAULTS:
        text, found_at = error.text, error.field
        error.field = _original(found_at, removed)
        errors.append(error)
        for repair in offer(rest, _at(error, found_at)):
            following = _first_fault(rule, repair.config)
            if following is None or repair.removed or _is_other(following, text, found_at):
                break
        else:
            return errors
        if repair.removed:
            prefix = repair.removed[:-1]
            removed.setdefault(prefix, []).append(_original(repair.removed, removed)[-1])  # type: ignore[arg-type]
        rest, error = repair.config, following
    return errors


def removal(config: messages.ModelConfig, error: ConfigError, below: int = 0) -> Iterator[Repair]:
    """Remove the element of a repeated field in which the error is; without one, clear the field.

    below: leave the first parts of the path alone.
    """
    field = error.field
    last = max((at for at, part in enumerate(field) if isinstance(part, int)), default=-1)
    if last >= below:
        copy = copy_of(config)
        element = field[: last + 1]
        if _delete(copy, element):
            yield Repair(copy, element)
    elif len(field) > below and last < 0:
        copy = copy_of(config)
        if _clear(copy, field):
            yield Repair(copy)


def nothing(config: messages.ModelConfig, error: ConfigError) -> Iterator[Repair]:
    """Offer no repair: the rule looks at one thing, and without that it would find another fault."""
    yield from ()


def copy_of(config: messages.ModelConfig) -> messages.ModelConfig:
    """Return a copy that can be changed."""
    copy = messages.ModelConfig()
    copy.CopyFrom(config)
    return copy


def _first_fault(rule: Rule, config: messages.ModelConfig) -> ConfigError | None:
    try:
        rule(copy_of(config))  # Some rules also complete what they check.
    except ConfigError as error:
        return error
    return None


def _is_other(following: ConfigError, text: str, field: FieldPath) -> bool:
    """Tell whether an error is one of the author's: what a cleared field alone leads to is not."""
    return following.text != text and (following.field != field or len(field) != 1)


def _at(error: ConfigError, field: FieldPath) -> ConfigError:
    return ConfigError(error.text, field=field)


def _original(field: FieldPath, removed: dict[FieldPath, list[int]]) -> FieldPath:
    """Translate indices among what is left into those of the whole."""
    path = list(field)
    for at, part in enumerate(field):
        if isinstance(part, int):
            index = part
            for gone in sorted(removed.get(field[:at], ())):
                index += gone <= index
            path[at] = index
    return tuple(path)


def _walk(config: messages.ModelConfig, field: FieldPath) -> Any:
    here: Any = config
    for part in field:
        here = here[part] if isinstance(part, int) else getattr(here, part)
    return here


def _delete(config: messages.ModelConfig, element: FieldPath) -> bool:
    try:
        del _walk(config, element[:-1])[element[-1]]
    except (AttributeError, IndexError, KeyError, TypeError):
        return False
    return True


def _clear(config: messages.ModelConfig, field: FieldPath) -> bool:
    try:
        _walk(config, field[:-1]).ClearField(field[-1])
    except (AttributeError, ValueError):
        return False
    return True
