"""The server's log, for models."""

from __future__ import annotations

import sys

from .bridge import find_control
from .enums import CompiledEnum


class LogLevel(CompiledEnum):
    """How important a line is."""

    INFO = 0
    WARNING = 1
    ERROR = 2
    VERBOSE = 3


_Level = LogLevel


class Logger:
    """Writes lines to the server's log, with the file and the line that they come from."""

    __module__ = "c_python_backend_utils"

    LogLevel = LogLevel
    INFO = LogLevel.INFO
    WARNING = LogLevel.WARNING
    ERROR = LogLevel.ERROR
    VERBOSE = LogLevel.VERBOSE

    @staticmethod
    def log(message: str, level: _Level = LogLevel.INFO) -> None:
        """Write a line of a level."""
        if not isinstance(level, LogLevel):
            raise _refusal(
                "log",
                "message: str, level: c_python_backend_utils.Logger.LogLevel = <LogLevel.INFO: 0>",
                message,
                level,
            )
        _write("log", message, level)

    @staticmethod
    def log_info(message: str) -> None:
        """Write a line of level INFO."""
        _write("log_info", message, LogLevel.INFO)

    @staticmethod
    def log_warn(message: str) -> None:
        """Write a line of level WARNING."""
        _write("log_warn", message, LogLevel.WARNING)

    @staticmethod
    def log_error(message: str) -> None:
        """Write a line of level ERROR."""
        _write("log_error", message, LogLevel.ERROR)

    @staticmethod
    def log_verbose(message: str) -> None:
        """Write a line of level VERBOSE: dropped unless the server logs those."""
        _write("log_verbose", message, LogLevel.VERBOSE)


def _write(function: str, message: str, level: LogLevel) -> None:
    if not isinstance(message, str):
        raise _refusal(function, "message: str", message)
    frame = sys._getframe(2)
    control = find_control()
    if control is None:
        print(message, file=sys.stderr)
    else:
        control.log(level.name, message, frame.f_code.co_filename, frame.f_lineno)


def _refusal(function: str, arguments: str, *given: object) -> TypeError:
    return TypeError(
        f"{function}(): incompatible function arguments. The following argument types are supported:\n"
        f"    1. ({arguments}) -> None\n\nInvoked with: {', '.join(map(repr, given))}"
    )
