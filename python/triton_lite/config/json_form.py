"""A ModelConfig as JSON, the way Triton's HTTP endpoint shows it."""

from __future__ import annotations

import json
from typing import Any

from triton_lite.config import json_number
from triton_lite.proto import messages

# Fields newer than the release whose JSON we show: left out at their default.
_SHOWN_WHEN_SET = {"inference.ModelEnsembling.max_inflight_requests"}

# 64-bit integers that Triton, unlike all others, leaves as the strings that protobuf makes of them.
_SHOWN_AS_STRINGS = {
    "inference.ModelInstanceGroup.SecondaryDevice.device_id",
    "inference.ModelOptimizationPolicy.Cuda.GraphSpec.Shape.dim",
    "inference.ModelSequenceBatching.InitialState.dims",
}


def to_json(config: messages.ModelConfig) -> dict[str, Any]:
    """Return a configuration as plain JSON values.

    Names as in the .proto file and in its order (a scalar that is one of several choices goes last), every field that
    has no presence shown with its value or default, 64-bit integers as numbers (all but three), whole doubles as
    integers, enum values by name, keys of maps as strings.
    Protocol: model configuration extension, response.
    """
    return _message(config)


def to_json_text(config: messages.ModelConfig) -> str:
    """Return a configuration as Triton writes it: without spaces, numbers as RapidJSON spells them."""
    return _spelled(_message(config))


def _message(message: Any) -> dict[str, Any]:
    shown: dict[str, Any] = {}
    for field in sorted(message.DESCRIPTOR.fields, key=_is_scalar_choice):
        if field.has_presence and not message.HasField(field.name):
            continue
        value = getattr(message, field.name)
        if not value and field.full_name in _SHOWN_WHEN_SET:
            continue
        if field.message_type is not None and field.message_type.GetOptions().map_entry:
            of = field.message_type.fields_by_name["value"]
            shown[field.name] = {_key(key): _value(of, value[key]) for key in sorted(value)}
        elif is_repeated(field):
            shown[field.name] = [_value(field, item) for item in value]
        else:
            shown[field.name] = _value(field, value)
    return shown


def _is_scalar_choice(field: Any) -> bool:
    return field.containing_oneof is not None and field.message_type is None


def is_repeated(field: Any) -> bool:
    """Ask a field the way that its protobuf release answers (newer ones drop `label`)."""
    repeated = getattr(field, "is_repeated", None)
    return bool(repeated) if repeated is not None else bool(field.label == field.LABEL_REPEATED)


def _key(key: Any) -> str:
    return str(key).lower() if isinstance(key, bool) else str(key)


def _value(field: Any, value: Any) -> Any:
    if field.message_type is not None:
        return _message(value)
    if field.enum_type is not None:
        named = field.enum_type.values_by_number.get(value)
        return named.name if named is not None else value
    if field.full_name in _SHOWN_AS_STRINGS:
        return str(value)
    if isinstance(value, float):
        return json_number.shown(value, single=field.type == field.TYPE_FLOAT)
    return value


def _spelled(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ",".join(f"{_spelled(key)}:{_spelled(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(_spelled, value)) + "]"
    return json_number.spelled(value) if isinstance(value, float) else json.dumps(value, ensure_ascii=False)
