"""Log lines in Triton's formats, through the standard logging module."""

from __future__ import annotations

import logging
import os
import sys
import time
from typing import Any, Protocol

_LETTERS = {logging.DEBUG: "I", logging.INFO: "I", logging.WARNING: "W", logging.ERROR: "E", logging.CRITICAL: "E"}


class TritonFormatter(logging.Formatter):
    """`I1124 06:23:00.123456 1 file.py:12] "text"`; with `iso8601` the time is `2026-11-24T06:23:00Z I`.

    Times are UTC. A text is quoted and its control characters escaped, so that no request can forge a line.
    """

    def __init__(self, *, iso8601: bool = False) -> None:
        super().__init__()
        self._iso8601 = iso8601
        self._process = os.getpid()

    def format(self, record: logging.LogRecord) -> str:
        """Make one line of a record; a traceback follows on lines of its own."""
        letter = _LETTERS.get(record.levelno, "I")
        at = time.gmtime(record.created)
        place = f"{record.filename}:{record.lineno}"
        text = escape(record.getMessage())
        if self._iso8601:
            stamp = time.strftime("%Y-%m-%dT%H:%M:%SZ", at) + f" {letter}"
        else:
            micros = int(record.created % 1 * 1_000_000)
            stamp = letter + time.strftime("%m%d %H:%M:%S", at) + f".{micros:06d}"
        line = f'{stamp} {self._process} {place}] "{text}"'
        if record.exc_info:
            line += "\n" + self.formatException(record.exc_info)
        return line


def escape(text: str) -> str:
    r"""Escape quotes, backslashes and control characters as JSON does: a line feed becomes \n."""
    if text.isprintable() and '"' not in text and "\\" not in text:
        return text
    import json

    return json.dumps(text, ensure_ascii=False)[1:-1]


def configure(
    *,
    verbose: int = 0,
    info: bool = True,
    warning: bool = True,
    error: bool = True,
    iso8601: bool = False,
    file: str = "",
) -> None:
    """Send the package's log to a file, or else to stderr, in Triton's format.

    verbose: 0 for none, 1 and more for ever more detail. info, warning, error: which levels are written.
    """
    handler: logging.Handler = logging.FileHandler(file) if file else logging.StreamHandler(sys.stderr)
    handler.setFormatter(TritonFormatter(iso8601=iso8601))
    wanted = {"I": info, "W": warning, "E": error}
    handler.addFilter(lambda record: record.levelno < logging.INFO or wanted[_LETTERS.get(record.levelno, "I")])
    root = logging.getLogger("triton_lite")
    root.handlers[:] = [handler]
    root.propagate = False
    root.setLevel(logging.DEBUG if verbose else logging.INFO)


class _Settings(Protocol):
    """Values of options by name (`options.Settings`)."""

    def __getitem__(self, name: str, /) -> Any: ...


def configure_by_options(settings: _Settings, file: str = "") -> None:
    """Do the same by the options of `triton-lite serve` (log-verbose, log-format, …). file: where to, if not stderr."""
    configure(
        verbose=settings["log-verbose"],
        info=settings["log-info"],
        warning=settings["log-warning"],
        error=settings["log-error"],
        iso8601=settings["log-format"] == "ISO8601",
        file=file,
    )
