"""The texts of trace settings, and --trace-config. The expectations are Triton 2.51's answers."""

from __future__ import annotations

import pytest

from triton_lite.engine.trace_config import trace_config
from triton_lite.errors import Code, TritonError
from triton_lite.trace_settings import TENSORS, TIMESTAMPS, parse_levels, parse_number

NUMBERS = [
    ("trace_rate", "5", 5),
    ("trace_rate", " 5abc", 5),
    ("trace_rate", "+7", 7),
    ("trace_rate", "0x10", 0),
    ("trace_rate", "5.9", 5),
    ("trace_rate", "-1", 4294967295),
    ("trace_rate", "2147483647", 2147483647),
    ("log_frequency", "-5", 4294967291),
    ("trace_count", "-1", -1),
    ("trace_count", "0", 0),
    ("trace_count", "0" * 5000 + "7", 7),
]
RANGE = "value is out of range [ 0, 4294967295 ], got: "
REFUSED = [
    ("trace_rate", "", "Unable to parse 'trace_rate', got: "),
    ("trace_rate", "many", "Unable to parse 'trace_rate', got: many"),
    ("trace_rate", "2147483648", f"Unable to parse 'trace_rate', {RANGE}2147483648"),
    ("trace_rate", "-2147483649", f"Unable to parse 'trace_rate', {RANGE}-2147483649"),
    ("trace_rate", "9" * 5000, f"Unable to parse 'trace_rate', {RANGE}{'9' * 5000}"),
    ("log_frequency", "- 5", "Unable to parse 'log_frequency', got: - 5"),
    (
        "trace_count",
        "99999999999",
        "Unable to parse 'trace_count', value is out of range [ -1, 2147483647 ], got: 99999999999",
    ),
    ("trace_count", "-2", "Unable to parse 'trace_count'. Expecting value >= -1, got: -2"),
]


@pytest.mark.parametrize(("setting", "text", "number"), NUMBERS)
def test_reads_numbers_as_cpp_does(setting: str, text: str, number: int) -> None:
    assert parse_number(setting, text) == number


@pytest.mark.parametrize(("setting", "text", "message"), REFUSED)
def test_refuses_numbers_in_tritons_words(setting: str, text: str, message: str) -> None:
    with pytest.raises(TritonError) as raised:
        parse_number(setting, text)
    assert (raised.value.code, raised.value.text) == (Code.INVALID_ARGUMENT, message)


def test_the_protocols_differ_in_a_blank() -> None:
    with pytest.raises(TritonError) as raised:
        parse_number("trace_count", "-2", got=", got:")
    assert raised.value.text == "Unable to parse 'trace_count'. Expecting value >= -1, got:-2"


def test_levels_add_up() -> None:
    assert parse_levels(["TIMESTAMPS", "x", "TENSORS"], 3) == TIMESTAMPS | TENSORS
    assert parse_levels(["OFF"], 1) == 0
    assert parse_levels(["MIN", "off"], 2) is None
    with pytest.raises(TritonError, match="Expect only one trace level 'OFF' is specified"):
        parse_levels(["OFF", "OFF"], 2)


def test_reads_the_command_line() -> None:
    config = trace_config(
        [
            ("", "level", "TIMESTAMPS"),
            ("", "level", "TENSORS"),
            ("", "rate", "7"),
            ("", "count", "9"),
            ("triton", "file", "a"),
            ("triton", "file", "b"),
            ("triton", "log-frequency", "3"),
            ("opentelemetry", "url", "x"),
            ("", "unknown", "x"),
        ]
    )
    assert (config.level, config.rate, config.count) == (TIMESTAMPS | TENSORS, 7, 9)
    assert (config.mode, config.file, config.log_frequency, config.opentelemetry) == ("triton", "b", 3, ())


def test_off_turns_all_levels_off() -> None:
    assert trace_config([("", "level", "TIMESTAMPS"), ("", "level", "OFF")]).level == 0
    assert trace_config([]).level == 0


def test_spans_know_their_processors_options() -> None:
    config = trace_config(
        [("", "mode", "opentelemetry"), ("opentelemetry", "bsp_schedule_delay", "7"), ("triton", "file", "x")],
        {"OTEL_BSP_MAX_QUEUE_SIZE": "99"},
    )
    assert config.exports_spans
    assert config.file == ""
    assert dict(config.opentelemetry) == {
        "bsp_schedule_delay": "7",
        "bsp_max_queue_size": "99",
        "bsp_max_export_batch_size": "512",
    }
    with pytest.raises(ValueError, match='Bad option: "OTEL_BSP_SCHEDULE_DELAY"'):
        trace_config([("", "mode", "opentelemetry")], {"OTEL_BSP_SCHEDULE_DELAY": "soon"})
