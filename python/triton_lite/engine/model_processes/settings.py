"""The settings of the Python backend (`--backend-config=python,SETTING=VALUE`), and those that a model has itself."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from triton_lite.config.error import ConfigError
from triton_lite.errors import Code
from triton_lite.proto import messages

_INTEGER = re.compile(r"\s*[+-]?\d+")
_MEBIBYTE = 1 << 20
_NANOSECONDS = 1_000_000_000

READY_SECONDS = 5.0
"""How long Triton waits for a model's own `is_ready`."""

# Where nothing is set, a model may take its time to load.
_INITIALIZE_SECONDS = 600.0
_FINALIZE_SECONDS = 30.0
_RESTART_SECONDS = 0.1
_LONGEST_RESTART_SECONDS = 30.0
_IDLE_RESTART_SECONDS = 3.0


@dataclass(frozen=True)
class PythonSettings:
    """initialize_seconds, finalize_seconds: how long a process may take for these. execute_timeout_ns: after so long in
    `execute` a process is ended, 0: never. restart_seconds, longest_restart_seconds: see `Backoff`.
    idle_restart_seconds: the least delay where nobody asks for the model.
    """

    initialize_seconds: float = _INITIALIZE_SECONDS
    finalize_seconds: float = _FINALIZE_SECONDS
    execute_timeout_ns: int = 0
    restart_seconds: float = _RESTART_SECONDS
    longest_restart_seconds: float = _LONGEST_RESTART_SECONDS
    idle_restart_seconds: float = _IDLE_RESTART_SECONDS


def python_settings(backend: Mapping[str, str], config: messages.ModelConfig) -> PythonSettings:
    """Read the settings. Raises TritonError with Triton's text for what it refuses.

    Settings of shared memory and thread pools are checked as there, and have nothing to set here. stub-timeout-seconds
    is the time for `initialize`, unless initialize-timeout-seconds says otherwise.
    """
    _at_least(backend, "shm-growth-byte-size", 1, "can't be smaller than or equal to zero.")
    _at_least(backend, "shm-default-byte-size", _MEBIBYTE, "can't be smaller than 4 MiBs")
    _at_least(backend, "thread-pool-size", 1, "can't be less than 1.")
    if backend.get("shm-region-prefix-name") == "":
        raise _refused("shm-region-prefix-name must at least contain one character.")
    _integer(backend, "shm_message_queue_size")
    stub_timeout = _at_least(backend, "stub-timeout-seconds", 1, "can't be smaller than or equal to zero.")
    parameters = {key: value.string_value for key, value in config.parameters.items()}
    _check_forced_tensors(parameters.get("FORCE_CPU_ONLY_INPUT_TENSORS"))
    execute = _seconds(backend, parameters, "execute-timeout-seconds", 0.0)
    return PythonSettings(
        initialize_seconds=_seconds(
            backend, parameters, "initialize-timeout-seconds", float(stub_timeout or _INITIALIZE_SECONDS)
        ),
        finalize_seconds=_seconds(backend, parameters, "finalize-timeout-seconds", _FINALIZE_SECONDS),
        execute_timeout_ns=int(execute * _NANOSECONDS),
        restart_seconds=_seconds(backend, {}, "restart-delay-seconds", _RESTART_SECONDS),
        longest_restart_seconds=_seconds(backend, {}, "restart-max-delay-seconds", _LONGEST_RESTART_SECONDS),
        idle_restart_seconds=_seconds(backend, {}, "restart-idle-delay-seconds", _IDLE_RESTART_SECONDS),
    )


def _integer(settings: Mapping[str, str], name: str) -> int | None:
    value = settings.get(name)
    if value is None:
        return None
    found = _INTEGER.match(value)
    if found is None:
        raise _refused("stol")  # All that Triton says.
    return int(found.group())


def _at_least(settings: Mapping[str, str], name: str, least: int, otherwise: str) -> int | None:
    number = _integer(settings, name)
    if number is not None and number < least:
        raise _refused(f"{name} {otherwise}")
    return number


def _seconds(backend: Mapping[str, str], parameters: Mapping[str, str], name: str, default: float) -> float:
    """Read a duration. A model may set it for itself, by a parameter of that name: EXECUTE_TIMEOUT_SECONDS."""
    value = parameters.get(name.replace("-", "_").upper(), backend.get(name))
    if value is None:
        return default
    try:
        seconds = float(value)
    except ValueError:
        seconds = -1.0
    if not 0 <= seconds < float("inf"):
        raise _refused(f"{name}: expected a number of seconds, got '{value}'")
    return seconds


def _check_forced_tensors(value: str | None) -> None:
    if value not in (None, "yes", "no"):
        raise ConfigError(
            f"Incorrect value for FORCE_CPU_ONLY_INPUT_TENSORS: {value}'",
            code=Code.UNIMPLEMENTED,
            field=("parameters", "FORCE_CPU_ONLY_INPUT_TENSORS"),
            expected="yes or no",
        )


def _refused(text: str) -> ConfigError:
    return ConfigError(text, expected="another value for --backend-config=python,SETTING=VALUE")
