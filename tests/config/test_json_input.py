"""A configuration given as JSON: what a load may say, and each fault with the text that Triton 2.51 logs for it."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from triton_lite.config import text
from triton_lite.config.error import ConfigError, field_name
from triton_lite.config.json_form import to_json
from triton_lite.config.json_input import from_json
from triton_lite.errors import Code

# Pairs of a text and what Triton says of it, or null where it takes it.
CASES = json.loads((Path(__file__).parent / "json_input.json").read_text())


@pytest.mark.parametrize(("content", "expected"), CASES, ids=lambda value: repr(value)[:60])
def test_as_triton_takes_it(content, expected):
    if expected is None:
        from_json(content)
        return
    with pytest.raises(ConfigError) as caught:
        from_json(content)
    assert caught.value.text == expected
    assert caught.value.code == Code.INVALID_ARGUMENT


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ('{"maxBatchSize": "4"}', "max_batch_size: 4"),
        ('{"max_batch_size": 4, "maxBatchSize": 5}', "max_batch_size: 5"),
        ("{max_batch_size: 1e1,}", "max_batch_size: 10"),
        ('{"input": {"dims": [[1], "2", 3.0]}}', "input { dims: [ 1, 2, 3 ] }"),
        ('{"instance_group": [{"count": 1}, null]}', "instance_group { count: 1 }"),
        ('{"instance_group": [{"kind": "kind-cpu"}, {"kind": 3}]}',
         "instance_group { kind: 2 } instance_group { kind: 3 }"),
        ('{"parameters": {"a": null, "b": {"stringValue": "x"}}}',
         'parameters { key: "a" value { } } parameters { key: "b" value { string_value: "x" } }'),
        ('{"metric_tags": {"a": null, "b": "\\ud83d\\ude00"}}',
         'metric_tags { key: "a" value: "" } metric_tags { key: "b" value: "\U0001f600" }'),
        ('{"dynamic_batching": null, "sequence_batching": {}}', "sequence_batching { }"),
        ('{"optimization": {"graph": {"level": 1}, "graph": {}}}', "optimization { graph { level: 1 } }"),
        ('{"version_policy": {"specific": {"versions": [1]}}, "versionPolicy": {"specific": {"versions": [2]}}}',
         "version_policy { specific { versions: [ 1, 2 ] } }"),
        ('{"dynamic_batching": {"priority_queue_policy": {"18446744073709551615": {"max_queue_size": 3}}}}',
         "dynamic_batching { priority_queue_policy { key: 18446744073709551615 value { max_queue_size: 3 } } }"),
        ('{"model_warmup": [{"inputs": {"I": {"zero_data": "no"}}}]}',
         'model_warmup { inputs { key: "I" value { zero_data: false } } }'),
        ('{"sequence_batching": {"direct": {"minimum_slot_utilization": "Infinity"}}}',
         "sequence_batching { direct { minimum_slot_utilization: inf } }"),
        ('{"name": "a\0b"}', None),
    ],
)  # fmt: skip
def test_values(content, expected):
    if expected is None:
        with pytest.raises(ConfigError, match="Closing quote expected"):
            from_json(content)
        return
    assert from_json(content) == text.parse(expected, "")


@pytest.mark.parametrize(
    ("content", "field", "advice"),
    [
        ('{"input": [{}, {"dims": [1, "x"]}]}', "input[1].dims[1]", "an integer of -9223372036854775808 to"),
        ('{"input": [{"data_type": "FP32"}]}', "input[0].data_type", "one of TYPE_INVALID, TYPE_BOOL"),
        ('{"input": [{"data_typ": "FP32"}]}', "input[0]", "one of allow_ragged_batch, data_type"),
    ],
)
def test_faults_name_their_field(content, field, advice):
    with pytest.raises(ConfigError) as caught:
        from_json(content)
    assert field_name(caught.value.field) == field
    assert f"expected {advice}" in caught.value.advice()


def test_lists_cannot_be_deep_enough_to_hurt():
    with pytest.raises(ConfigError, match="Message too deep"):
        from_json('{"input":' + "[" * 100_000)


def test_half_a_character_is_refused():
    with pytest.raises(ConfigError, match="Encountered non UTF-8 code points"):
        from_json('{"name": "\ud800"}')


FULL = """
name: "m" backend: "onnxruntime" max_batch_size: 8 version_policy { specific { versions: [ 1, 3 ] } }
input { name: "I" data_type: TYPE_FP32 dims: [ -1, 4 ] reshape { shape: [ ] } }
batch_input { kind: BATCH_ITEM_SHAPE target_name: "B" data_type: TYPE_INT32 source_input: "I" }
sequence_batching {
  oldest { max_candidate_sequences: 4 preferred_batch_size: [ 2, 4 ] }
  state { input_name: "S" dims: 3 initial_state { zero_data: true dims: 3 } }
  control_input { name: "C" control { kind: CONTROL_SEQUENCE_READY fp32_false_true: [ 0, 0.1 ] } }
}
instance_group { rate_limiter { resources { name: "r" global: true count: 2 } } secondary_devices { device_id: 9 } }
optimization { cuda { graph_spec { input { key: "I" value { dim: [ 2 ] } } } } }
parameters { key: "k" value { string_value: "v" } }
model_metrics { metric_control { metric_identifier { family: "f" } histogram_options { buckets: [ 0.1, 1e30 ] } } }
"""


def test_what_is_shown_can_be_given():
    config = text.parse(FULL, "")
    assert from_json(json.dumps(to_json(config))) == config


@given(st.text(st.sampled_from(list("{}[]:,\"'\\u0d8 -.eE19_atrunslfmxibch\0")), max_size=40))
def test_any_text_is_read_or_refused(content):
    try:
        from_json(content)
    except ConfigError as error:
        assert error.text


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**65), 2**65) | st.floats(allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from(["a", "key", "value", "name", "dims", ""]), inner),
    max_leaves=5,
)  # fmt: skip
_FIELDS = sorted(type(text.parse("", "")).DESCRIPTOR.fields_by_name)


@given(st.dictionaries(st.sampled_from(_FIELDS), _JSON, max_size=3))
def test_any_value_is_taken_or_refused(members):
    try:
        from_json(json.dumps(members))
    except ConfigError as error:
        assert error.text
