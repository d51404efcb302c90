"""Configurations that nobody would write: they are taken or refused, and what is taken can be shown and read again."""

import json
import math

from hypothesis import given, settings
from hypothesis import strategies as st
from test_rules import check_config

from triton_lite.config.error import ConfigError, field_name
from triton_lite.config.json_form import is_repeated, to_json
from triton_lite.config.json_input import from_json
from triton_lite.proto import messages

_NAMES = st.sampled_from(["", "a", "b", "ensemble", "onnxruntime", "onnxruntime_onnx", "model.onnx", "é/../x"])
_SIGNED = {"int32": 31, "int64": 63}
_UNSIGNED = {"uint32": 32, "uint64": 64}


def scalar(field):
    kind = {field.TYPE_INT32: "int32", field.TYPE_INT64: "int64", field.TYPE_UINT32: "uint32"}.get(field.type, "uint64")
    if field.enum_type is not None:
        return st.sampled_from([*field.enum_type.values_by_number, 99])
    if field.type == field.TYPE_STRING:
        return _NAMES
    if field.type == field.TYPE_BOOL:
        return st.booleans()
    if field.type in (field.TYPE_FLOAT, field.TYPE_DOUBLE):
        # The JSON that is shown drops the sign of zero, and the largest float is not read as it is printed.
        finite = st.floats(-(2.0**127), 2.0**127, width=32).map(lambda value: value + 0.0)
        return finite | st.sampled_from([math.inf, -math.inf])
    if kind in _SIGNED:
        return st.sampled_from([-1, 0, 1, 2, 7, -(2 ** _SIGNED[kind]), 2 ** _SIGNED[kind] - 1])
    return st.sampled_from([0, 1, 2, 7, 2 ** _UNSIGNED[kind] - 1])


@st.composite
def filled(draw, message):
    """Fill some fields of a message."""
    descriptors = list(message.DESCRIPTOR.fields)
    if not descriptors:
        return message
    fields = draw(st.lists(st.sampled_from(descriptors), max_size=5, unique_by=lambda one: one.name))
    for field in fields:
        target = getattr(message, field.name)
        if field.message_type is not None and field.message_type.GetOptions().map_entry:
            of = field.message_type.fields_by_name
            key = draw(scalar(of["key"]))
            if of["value"].message_type is not None:
                draw(filled(target[key]))
            else:
                target[key] = draw(scalar(of["value"]))
        elif field.message_type is not None:
            inner = [target.add() for _ in range(draw(st.integers(0, 2)))] if is_repeated(field) else [target]
            for one in inner:
                one.SetInParent()
                draw(filled(one))
        elif is_repeated(field):
            target.extend(draw(st.lists(scalar(field), max_size=3)))
        else:
            setattr(message, field.name, draw(scalar(field)))
    return message


def check(config):
    check_config(config, "m.identity")


@given(st.builds(messages.ModelConfig).flatmap(filled))
@settings(deadline=None, max_examples=100)
def test_rules_hold_whatever_is_given(config):
    try:
        check(config)
    except ConfigError as error:
        assert error.text
        assert isinstance(field_name(error.field), str)


@given(st.builds(messages.ModelConfig).flatmap(filled))
@settings(deadline=None, max_examples=100)
def test_what_is_shown_is_read_as_the_same(config):
    shown = json.dumps(to_json(config), allow_nan=False)
    assert from_json(shown) == config


def test_infinite_numbers_are_shown_and_read():
    config = messages.ModelConfig()
    config.model_metrics.metric_control.add().histogram_options.buckets.extend([math.inf, -math.inf, 1.5])
    assert from_json(json.dumps(to_json(config), allow_nan=False)) == config
