"""The quick reader of text format agrees with protobuf's own wherever it answers at all."""

from pathlib import Path

import pytest
from google.protobuf import text_format
from hypothesis import given
from hypothesis import strategies as st

from triton_lite.config import quick_text
from triton_lite.proto import messages, pool

ROOT = Path(__file__).resolve().parents[2]
RICH = r"""
# A comment with { braces } and "quotes".
name: "m" platform: "onnxruntime_onnx"; max_batch_size: 8,
input [ { name: "A" data_type: TYPE_FP32 dims: [ 1, -1 ] reshape { shape: [ ] } }, { name: "B" dims: 3 dims: 4 } ]
output { name: "C" label_filename: "l.txt" }
version_policy: { specific { versions: [1, 3] } }
instance_group [ { kind: KIND_CPU count: 2 } ]
dynamic_batching { preferred_batch_size: 4 max_queue_delay_microseconds: 100
  priority_queue_policy { key: 1 value: { timeout_action: DELAY allow_timeout_override: true } } }
parameters: { key: "k" value: { string_value: "a # b" } }
parameters [ { key: "l" value { string_value: "" } } ]
metric_tags { key: "x" value: "y" }
model_warmup { name: "w" inputs { key: "A" value { data_type: TYPE_FP32 dims: 1 zero_data: true } } }
"""


def by_protobuf(text):
    config = messages.ModelConfig()
    try:
        text_format.Parse(text, config, descriptor_pool=pool.get())
    except text_format.ParseError:
        return None
    return config


def test_reads_what_people_write():
    assert quick_text.parse(RICH) == by_protobuf(RICH) is not None
    assert quick_text.parse("") == messages.ModelConfig()


@pytest.mark.parametrize(
    "text",
    [
        "max_batch_size: eight",
        "max_batch_size: 8 }",
        "max_batch_size: 010",
        "max_batch_size: 99999999999",
        "max_batch_size 8",
        "input { dims [ 1 ] }",
        "max_batch_size: 1 max_batch_size: 2",
        "max_batch_size: [1]",
        "nothing: 1",
        "input { name: 'quoted' }",
        'name: "a\\n"',
        'name: "a" "b"',
        'input < name: "a" >',
        "input {",
        "input [ { } ",
        "input [ { } { } ]",
        "version_policy { latest { } } version_policy { all { } }",
        "version_policy { latest { } all { } }",
        "instance_group { kind: KIND_NOTHING }",
        "dynamic_batching: 1",
        "input: [ 1 ]",
        "name: 1",
        "optimization { graph { level: 1.5 } }",
        'name: "\x00" \x01',
    ],
)
def test_leaves_what_is_unusual_to_protobuf(text):
    quick = quick_text.parse(text)
    assert quick is None or quick == by_protobuf(text)


PIECES = [*RICH.split(), "{", "}", "[", "]", ":", ",", "-", "0", "07", "1.5", '"', "#", "\n", "latest", "all"]


@given(st.lists(st.sampled_from(PIECES), max_size=30), st.sampled_from(["", RICH]))
def test_never_reads_more_than_protobuf(pieces, before):
    text = before + " ".join(pieces)
    quick = quick_text.parse(text)
    assert quick is None or quick == by_protobuf(text)
