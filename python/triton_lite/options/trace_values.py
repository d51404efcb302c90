"""The values of --trace-config and of the deprecated trace options."""

from __future__ import annotations

from triton_lite.options.values import integer, integer_in

MODES = ("triton", "opentelemetry")
_LEVELS = {
    **dict.fromkeys(("false", "off"), "OFF"),
    **dict.fromkeys(("true", "on", "min", "max", "timestamps"), "TIMESTAMPS"),
    "tensors": "TENSORS",
}
_unsigned = integer_in(0, (1 << 32) - 1)
_NUMBERS = {
    ("", "rate"): integer,
    ("", "count"): integer,
    ("triton", "log-frequency"): integer,
    ("opentelemetry", "bsp_max_queue_size"): _unsigned,
    ("opentelemetry", "bsp_schedule_delay"): _unsigned,
    ("opentelemetry", "bsp_max_export_batch_size"): _unsigned,
}


def trace_level(argument: str) -> str:
    """Take a trace level: OFF, TIMESTAMPS or TENSORS, or one of the older names."""
    level = _LEVELS.get(argument.lower())
    if level is None:
        raise ValueError(f"invalid value for trace level option: {argument.lower()}")
    return level


def trace_mode(argument: str) -> str:
    """Take a trace mode."""
    mode = argument.lower()
    if mode not in MODES:
        raise ValueError(
            f'invalid value for trace mode option: {mode}. Available options are "triton" and "opentelemetry"'
        )
    return mode


def trace_setting(argument: str) -> tuple[str, str, str]:
    """Take `mode,setting=value` or `setting=value` (mode empty); levels and modes come back in their one spelling."""
    head, equals, value = argument.partition("=")
    mode, comma, setting = head.partition(",")
    if not comma:
        mode, setting = "", head
    elif not mode:
        raise ValueError(
            "No trace mode specified. --trace-config option format is <trace mode>,<setting>=<value> or "
            f"<setting>=<value>. Got {argument}"
        )
    if mode:
        mode = trace_mode(mode)
    if not (equals and setting and value):
        raise ValueError(f"--trace-config option format is '<trace mode>,<setting>=<value>'. Got {argument}")
    return mode, setting, _checked(mode, setting, value)


def _checked(mode: str, setting: str, value: str) -> str:
    if (mode, setting) == ("", "level"):
        return trace_level(value)
    if (mode, setting) == ("", "mode"):
        return trace_mode(value)
    parse = _NUMBERS.get((mode, setting))
    return value if parse is None else str(parse(value))
