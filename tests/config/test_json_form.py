"""ModelConfig as JSON: numbers stay numbers, defaults are shown, what has presence only when it is there."""

import json

from triton_lite.config import text
from triton_lite.config.json_form import to_json


def test_64_bit_numbers_and_map_keys():
    config = text.parse(
        """
        dynamic_batching {
          max_queue_delay_microseconds: 18446744073709551615
          priority_queue_policy { key: 18446744073709551615 value { default_timeout_microseconds: 9007199254740993 } }
        }
        input { name: "I" dims: [ -1, 9223372036854775807 ] }
        parameters { key: "k" value { string_value: "v" } }
        """,
        "",
    )
    shown = json.loads(json.dumps(to_json(config)))
    batching = shown["dynamic_batching"]
    assert batching["max_queue_delay_microseconds"] == 18446744073709551615
    policy = batching["priority_queue_policy"]["18446744073709551615"]
    assert policy["default_timeout_microseconds"] == 9007199254740993
    assert policy["timeout_action"] == "REJECT"
    assert shown["input"][0]["dims"] == [-1, 9223372036854775807]
    assert shown["input"][0]["data_type"] == "TYPE_INVALID"
    assert shown["parameters"] == {"k": {"string_value": "v"}}


def test_what_has_presence_is_shown_when_it_is_there():
    assert "optimization" not in to_json(text.parse("", ""))
    assert "reshape" not in to_json(text.parse("input { }", ""))["input"][0]
    assert to_json(text.parse("input { reshape { } }", ""))["input"][0]["reshape"] == {"shape": []}
    warmup = to_json(text.parse('model_warmup { inputs { key: "I" value { zero_data: false } } }', ""))
    assert warmup["model_warmup"][0]["inputs"]["I"] == {"data_type": "TYPE_INVALID", "dims": [], "zero_data": False}


def test_single_precision_is_shown_short():
    config = text.parse("sequence_batching { direct { minimum_slot_utilization: 0.1 } }", "")
    assert to_json(config)["sequence_batching"]["direct"]["minimum_slot_utilization"] == 0.1


def test_newer_fields_are_shown_when_set():
    assert "max_inflight_requests" not in to_json(text.parse("ensemble_scheduling { }", ""))["ensemble_scheduling"]
    config = text.parse("ensemble_scheduling { max_inflight_requests: 3 }", "")
    assert to_json(config)["ensemble_scheduling"]["max_inflight_requests"] == 3


def test_three_64_bit_fields_stay_strings():
    shown = to_json(
        text.parse(
            """
            optimization { cuda { graph_spec {
              input { key: "I" value { dim: [ 1, 2 ] } } graph_lower_bound { input { key: "I" value { dim: 1 } } }
            } } }
            sequence_batching { state { dims: 3 initial_state { dims: 3 zero_data: true name: "z" } } }
            instance_group { secondary_devices { device_id: 5 } }
            """,
            "",
        )
    )
    graph = shown["optimization"]["cuda"]["graph_spec"][0]
    assert graph["input"]["I"]["dim"] == ["1", "2"]
    assert graph["graph_lower_bound"]["input"]["I"]["dim"] == ["1"]
    state = shown["sequence_batching"]["state"][0]
    assert state["dims"] == [3]
    assert json.dumps(state["initial_state"][0]) == (
        '{"data_type": "TYPE_INVALID", "dims": ["3"], "name": "z", "zero_data": true}'
    )
    assert shown["instance_group"][0]["secondary_devices"][0]["device_id"] == "5"


def test_whole_doubles_are_integers():
    config = text.parse(
        "model_metrics { metric_control { histogram_options { buckets: [ 1, 2.5, 1e30, -3, nan, inf, -inf ] } } }", ""
    )
    options = to_json(config)["model_metrics"]["metric_control"][0]["histogram_options"]
    assert json.dumps(options["buckets"]) == '[1, 2.5, 1e+30, -3, "NaN", "Infinity", "-Infinity"]'


def test_largest_single_precision_number():
    config = text.parse("sequence_batching { direct { minimum_slot_utilization: 3.4028234663852886e38 } }", "")
    assert to_json(config)["sequence_batching"]["direct"]["minimum_slot_utilization"] == 3.4028234700000002e38
