"""Lines that models log, in the server's log."""

from __future__ import annotations

import logging
import os
from typing import Any

_log = logging.getLogger(__name__)

_LEVELS = {"INFO": logging.INFO, "WARNING": logging.WARNING, "ERROR": logging.ERROR, "VERBOSE": logging.DEBUG}


def log_message(message: dict[str, Any]) -> None:
    """Log what a model gave to `pb_utils.Logger`: its text as it is, as Triton does, with the model's file and line."""
    level = _LEVELS.get(str(message.get("level")), logging.INFO)
    line = message.get("line")
    _log.handle(
        _log.makeRecord(
            _log.name,
            level,
            str(message.get("file", "")),
            line if isinstance(line, int) else 0,
            "%s",
            (str(message.get("message", "")),),
            None,
        )
    )


class OutputLog:
    """Logs the lines of one process's output. stream: "stdout" or "stderr"."""

    def __init__(self, instance: str, stream: str) -> None:
        self._instance = instance
        self._stream = stream

    def __call__(self, line: str) -> None:
        """Log one line."""
        _log.info("%s %s: %s", self._instance, self._stream, line)


def how_it_ended(status: os.waitid_result | None) -> str:
    """Say how a process ended: by itself or by which signal."""
    import signal

    if status is None:
        return "ended"
    if status.si_code == os.CLD_EXITED:
        return f"exited with status {status.si_status}"
    try:
        name = signal.Signals(status.si_status).name
    except ValueError:
        name = str(status.si_status)
    return f"was ended by {name}"
