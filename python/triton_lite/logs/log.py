"""This process's log: the package's records of the standard logging module, written as the settings say."""

from __future__ import annotations

import logging
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from triton_lite.logs.board import Board
from triton_lite.logs.line import format_record
from triton_lite.logs.settings import LogSettings
from triton_lite.logs.sink import STDERR, Sink, open_log

_ESCAPE_VARIABLE = "TRITON_SERVER_ESCAPE_LOG_MESSAGES"


class LineHandler(logging.Handler):
    """Writes the records that the settings ask for. DEBUG is verbose level 1, or what a record's `verbosity` says."""

    def __init__(self, sink: Sink) -> None:
        super().__init__()
        self._sink = sink
        self._escaped = os.environ.get(_ESCAPE_VARIABLE) != "0"

    def emit(self, record: logging.LogRecord) -> None:
        """Write one record, with one write."""
        now = settings()
        level = record.levelno
        if level >= logging.ERROR:
            wanted = now.error
        elif level >= logging.WARNING:
            wanted = now.warning
        elif level >= logging.INFO:
            wanted = now.info
        else:
            wanted = now.verbose >= getattr(record, "verbosity", 1)
        if wanted:
            try:
                self._sink.write(format_record(record, now.format, escaped=self._escaped))
            except Exception:
                self.handleError(record)


@dataclass
class _Log:
    """own: what counts until somebody sets something else. sink: None before `configure`."""

    own: LogSettings
    board: Board
    file: str = ""
    sink: Sink | None = None


_log = _Log(LogSettings(), Board())
_decoded = (0, LogSettings())


def settings() -> LogSettings:
    """What is logged and how, at this moment."""
    global _decoded
    word = _log.board.settings_word
    if not word:
        return _log.own
    known = _decoded
    if known[0] != word:
        known = _decoded = (word, LogSettings.from_word(word))
    return known[1]


def verbose(level: int = 1) -> bool:
    """Whether verbose lines of a level are written. Ask before a line of each request is put together."""
    return settings().verbose >= level


def change(changed: LogSettings) -> None:
    """Let these settings count from now on, in every process that shares the board."""
    _log.board.settings_word = changed.word()


def request_reopening() -> None:
    """Have every process that shares the board open the log file anew before its next line."""
    _log.board.request_reopening()


def active() -> tuple[str, str]:
    """The log file as it was named ("": standard error), and the format that this process was started with."""
    return _log.file, _log.own.format


def board_path(engine_socket: Path) -> Path:
    """Where the board of an engine's processes is: beside its socket."""
    return engine_socket.with_name(engine_socket.name + ".log-settings")


def configure(
    own: LogSettings | None = None, *, file: str = "", board: Path | None = None, redirect: bool = True
) -> logging.Handler:
    """Write the package's log to a file, or else to standard error. Returns the handler that does.

    file: opened for appending. redirect: standard error goes there, too, with whatever else this process and its
    children write to it; for processes that are ours alone. board: the page of settings that the processes of one
    server share. Raises OSError for a file that cannot be opened.
    """
    own = own or LogSettings()
    descriptor = STDERR
    if file:
        opened = open_log(file)
        if redirect:
            os.dup2(opened, STDERR)
            os.close(opened)
        else:
            descriptor = opened
    _log.own, _log.file, _log.board = own, file, Board(board)
    _log.sink = Sink(descriptor, file, _log.board)
    handler = LineHandler(_log.sink)
    package = logging.getLogger("triton_lite")
    package.handlers[:] = [handler]
    package.propagate = False
    # The handler decides: what is wanted may change.
    package.setLevel(logging.DEBUG)
    return handler


def follow(engine_socket: Path, options: _Settings) -> None:
    """Share the board of an engine that this process has just connected to.

    Where the process's log is nobody's business yet (a front end in a server that is not ours), it becomes this
    package's, as the options say.
    """
    path = board_path(engine_socket)
    if _log.sink is not None:
        if not _log.board.is_at(path):
            _log.board = _log.sink.board = Board(path)
    elif not logging.getLogger("triton_lite").handlers:
        configure_by_options(options, board=path, redirect=False)


class _Settings(Protocol):
    """Values of options by name (`options.Settings`)."""

    def __getitem__(self, name: str, /) -> Any: ...


def configure_by_options(options: _Settings, *, board: Path | None = None, redirect: bool = True) -> logging.Handler:
    """Do the same by the options of `triton-lite serve` (log-verbose, log-format, …)."""
    own = LogSettings(
        info=options["log-info"],
        warning=options["log-warning"],
        error=options["log-error"],
        verbose=max(0, options["log-verbose"]),
        format=options["log-format"],
    )
    return configure(own, file=options["log-file"], board=board, redirect=redirect)


def native_options() -> dict[str, Any]:
    """What `_native.configure_log` has to be told, so that native threads write to the same log."""
    return {
        "settings": _log.own.word(),
        "file": os.path.abspath(_log.file) if _log.file else "",
        "page": str(_log.board.path) if _log.board.path is not None else "",
        "escape": os.environ.get(_ESCAPE_VARIABLE) != "0",
    }
