"""Numbers of a configuration in JSON, byte for byte as Triton 2.51 showed them."""

import json
import math
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from triton_lite.config import text
from triton_lite.config.error import ConfigError
from triton_lite.config.json_form import to_json, to_json_text
from triton_lite.config.json_input import from_json
from triton_lite.config.json_number import spelled


def with_number(value):
    return text.parse(f"sequence_batching {{ control_input {{ control {{ fp32_false_true: {value} }} }} }}", "")


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ("-0.0", "0"),
        ("-0", "0"),
        ("3.4028235e38", "3.4028234700000004e38"),
        ("-3.4028235e38", "-3.4028234700000004e38"),
        ("1e39", '"Infinity"'),
        ("-1e400", '"-Infinity"'),
        ("nan", '"NaN"'),
        ("-nan", '"NaN"'),
        ("1e-45", "1.40129846e-45"),
        ("1.17549435e-38", "1.17549435e-38"),
        ("1e-400", "0"),
        ("0.1", "0.1"),
        ("0.1f", "0.1"),
        ("5.", "5"),
        ("0.30000001", "0.3"),
        ("3.14159274", "3.14159274"),
        ("123456.789", "123456.789"),
        ("1.5e-5", "0.000015"),
        ("0.0001", "0.0001"),
        ("-1e-7", "-1e-7"),
        ("100000", "100000"),
        ("1000000", "1000000.0"),
        ("9999999", "9999999"),
        ("1e7", "10000000.0"),
        ("16777217", "16777216"),
        ("33554432", "33554432"),
        ("99999999", "100000000.0"),
        ("123456789", "123456792"),
        ("4294967296", "4294967300.0"),
        ("1e15", "1000000000000000.0"),
        ("9007199254740993", "9007199250000000.0"),
        ("1e16", "10000000000000000.0"),
        ("1e20", "100000000000000000000.0"),
        ("1e21", "1e21"),
    ],
)
def test_single_precision(given, shown):
    config = with_number(given)
    assert f'"fp32_false_true":[{shown}]' in to_json_text(config)
    if shown not in ('"NaN"', "0"):
        assert from_json(to_json_text(config)) == config


@given(st.integers(0, 2**32 - 1))
def test_every_single_precision_number_is_read_as_it_was(bits):
    (value,) = struct.unpack("f", struct.pack("I", bits))
    config = text.parse("sequence_batching { control_input { control { fp32_false_true: 1 } } }", "")
    numbers = config.sequence_batching.control_input[0].control[0].fp32_false_true
    numbers[0] = value
    (shown,) = from_json(to_json_text(config)).sequence_batching.control_input[0].control[0].fp32_false_true
    assert shown == value or (math.isnan(shown) and math.isnan(value))


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_digits_mean_their_number(value):
    told = spelled(value)
    assert float(told) == value and math.copysign(1, float(told)) == math.copysign(1, value)
    assert json.loads(told) == value
    assert len(told.strip("-").replace(".", "").partition("e")[0].strip("0")) <= 17


@pytest.mark.parametrize(
    ("value", "told"),
    [
        (5e-324, "5e-324"),
        (2.2250738585072014e-308, "2.2250738585072014e-308"),
        (1.7976931348623157e308, "1.7976931348623157e308"),
        (0.0, "0.0"),
        (-0.0, "-0.0"),
        (1.0, "1.0"),
        (123.456, "123.456"),
        (1e-6, "0.000001"),
        (1.5e-7, "1.5e-7"),
    ],
)
def test_spelling(value, told):
    assert spelled(value) == told


def utilization(given):
    return from_json(f'{{"sequence_batching":{{"direct":{{"minimum_slot_utilization":{given}}}}}}}')


@pytest.mark.parametrize(
    ("given", "value"),
    [
        ("-0.0", 0.0),
        ("3.4028235e38", 3.4028234663852886e38),
        ("1e-45", 1.401298464324817e-45),
        ("1e-50", 0.0),
        ('"0.1"', 0.10000000149011612),
        ('"0x1"', 1.0),
        ('"Infinity"', math.inf),
        ("null", 0.0),
    ],
)
def test_what_is_read(given, value):
    assert utilization(given).sequence_batching.direct.minimum_slot_utilization == value


@pytest.mark.parametrize(
    "given",
    ["1e39", "-1e39", "3.4028236e38", "3.40282357e38", '"1e39"', "true", '"inf"', '""', "1e400", '"0xg"', '"0x1p2000"'],
)
def test_what_is_refused(given):
    with pytest.raises(ConfigError):
        utilization(given)


def test_doubles():
    config = text.parse(
        "model_metrics { metric_control { histogram_options { buckets: [ 1, 2.5, 1e14, 1e15, 0.1 ] } } }", ""
    )
    options = to_json(config)["model_metrics"]["metric_control"][0]["histogram_options"]
    assert options["buckets"] == [1, 2.5, 100000000000000, 1e15, 0.1]
    assert '"buckets":[1,2.5,100000000000000,1000000000000000.0,0.1]' in to_json_text(config)
