"""Rules of the sequence batcher."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import TypeAlias

from triton_lite.config import datatypes
from triton_lite.config.error import ConfigError, FieldPath
from triton_lite.proto import messages

# Not evaluated: that would load protobuf.
_Rule: TypeAlias = "Callable[[messages.ModelConfig], None]"

_VALUE_FIELDS = ("int32_false_true", "fp32_false_true", "bool_false_true")
_CORRELATION_TYPES = ("TYPE_UINT64", "TYPE_INT64", "TYPE_UINT32", "TYPE_INT32", "TYPE_STRING")
_FLAG_KINDS = ("CONTROL_SEQUENCE_START", "CONTROL_SEQUENCE_END", "CONTROL_SEQUENCE_READY")
_CORRELATION_KIND = "CONTROL_SEQUENCE_CORRID"


def _of_sequence_batching(rule: _Rule) -> _Rule:
    @wraps(rule)
    def applied(config: messages.ModelConfig) -> None:
        if config.HasField("sequence_batching"):
            rule(config)

    return applied


@_of_sequence_batching
def not_cached(config: messages.ModelConfig) -> None:
    """Sequences are not cached."""
    if config.response_cache.enable:
        raise ConfigError(
            f"Response Cache does not currently support model {config.name} with sequence batching scheduler."
            " Please disable the response cache.",
            field=("response_cache", "enable"),
            write="response_cache { enable: false }",
        )


@_of_sequence_batching
def controls_are_valid(config: messages.ModelConfig) -> None:
    """Each kind of control stands at most once, in a tensor of its own, with the values that its kind takes."""
    for kind in (*_FLAG_KINDS, _CORRELATION_KIND):
        number = getattr(messages.ModelSequenceBatching.Control, kind)
        names: set[str] = set()
        seen = False
        for at, tensor in enumerate(config.sequence_batching.control_input):
            field = ("sequence_batching", "control_input", at)
            _check_name(config, tensor.name, names, field)
            for index, control in enumerate(tensor.control):
                if control.kind == number:
                    _check_control(config, kind, control, seen, (*field, "control", index))
                    seen = True


def _check_name(config: messages.ModelConfig, name: str, names: set[str], field: FieldPath) -> None:
    if not name:
        raise ConfigError(
            f"sequence batching control tensor must have a name for {config.name}", field=(*field, "name")
        )
    if name in names:
        raise ConfigError(
            f"sequence batching control tensor '{name}' is specified for multiple control kinds for {config.name}",
            field=(*field, "name"),
            expected="one control_input for each tensor",
        )
    names.add(name)


def _check_control(
    config: messages.ModelConfig, kind: str, control: messages.Message, seen: bool, field: FieldPath
) -> None:
    if seen:
        raise ConfigError(f"sequence batching specifies multiple {kind} tensors for {config.name}", field=field)
    try:
        if kind == _CORRELATION_KIND:
            _check_correlation(config, control)
        else:
            _check_flag(config, kind, control)
    except ConfigError as error:
        error.field = field
        raise


def _check_flag(config: messages.ModelConfig, kind: str, control: messages.Message) -> None:
    given = [field for field in _VALUE_FIELDS if getattr(control, field)]
    if not given:
        raise ConfigError(
            "sequence batching must specify either 'int32_false_true', 'fp32_false_true' or 'bool_false_true' for"
            f" {kind} for {config.name}",
            write="int32_false_true: [ 0, 1 ]",
        )
    if len(given) > 1:
        raise ConfigError(
            "sequence batching specifies more than one from 'int32_false_true', 'fp32_false_true' and"
            f" 'bool_false_true' for {kind} for {config.name}",
            write="only one of them",
        )
    if len(getattr(control, given[0])) != 2:
        raise ConfigError(
            f"sequence batching control '{given[0]}' must have exactly 2 entries for {kind} for {config.name}",
            expected="the values for false and for true",
            write=f"{given[0]}: [ 0, 1 ]",
        )


def _check_correlation(config: messages.ModelConfig, control: messages.Message) -> None:
    if any(getattr(control, field) for field in _VALUE_FIELDS):
        raise ConfigError(
            "sequence batching must not specify either 'int32_false_true', 'fp32_false_true' or 'bool_false_true'"
            f" for {_CORRELATION_KIND} for {config.name}",
            write="data_type: TYPE_UINT64",
        )


@_of_sequence_batching
def correlation_type_is_allowed(config: messages.ModelConfig) -> None:
    """Correlation ids are integers or strings."""
    allowed = {datatypes.number(name) for name in _CORRELATION_TYPES}
    for at, tensor in enumerate(config.sequence_batching.control_input):
        for index, control in enumerate(tensor.control):
            if control.kind != messages.ModelSequenceBatching.Control.CONTROL_SEQUENCE_CORRID:
                continue
            if control.data_type not in allowed:
                raise ConfigError(
                    f"unexpected data type for control {_CORRELATION_KIND} for {config.name}. Allowed data types are"
                    " TYPE_UINT64, TYPE_INT64, TYPE_UINT32, TYPE_INT32 and TYPE_STRING",
                    field=("sequence_batching", "control_input", at, "control", index, "data_type"),
                    write="data_type: TYPE_UINT64",
                )


@_of_sequence_batching
def preferred_sizes_fit(config: messages.ModelConfig) -> None:
    """Preferred batch sizes of the oldest strategy are 1..max_batch_size."""
    for index, size in enumerate(config.sequence_batching.oldest.preferred_batch_size):
        field = ("sequence_batching", "oldest", "preferred_batch_size", index)
        if size <= 0:
            raise ConfigError(f"sequence batching preferred batch size must be positive for {config.name}", field=field)
        if size > config.max_batch_size:
            raise ConfigError(
                f"sequence batching preferred batch size must be <= max batch size for {config.name}",
                field=field,
                expected=f"at most max_batch_size, which is {config.max_batch_size}",
            )


@_of_sequence_batching
def slot_utilization_is_a_share(config: messages.ModelConfig) -> None:
    """minimum_slot_utilization is a share of the slots."""
    if not 0.0 <= config.sequence_batching.direct.minimum_slot_utilization <= 1.0:
        raise ConfigError(
            f"sequence batching minimum slot utilization must be in range (0.0, 1.0] for {config.name}",
            field=("sequence_batching", "direct", "minimum_slot_utilization"),
            write="minimum_slot_utilization: 1.0",
        )


SEQUENCE_RULES = (
    not_cached,
    controls_are_valid,
    correlation_type_is_allowed,
    preferred_sizes_fit,
    slot_utilization_is_a_share,
)
