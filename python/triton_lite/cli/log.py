"""The log of the server's own processes that are not the engine: the same format, the same place."""

from __future__ import annotations

import logging
import signal
from types import FrameType

from triton_lite import logs
from triton_lite.launch.place import Place
from triton_lite.options import OptionError, Settings


def log_here(settings: Settings, place: Place) -> logging.Logger:
    """Set up this process's log. With --log-file, whatever it and its children write to stderr goes there too.

    Raises OptionError if the file cannot be written.
    """
    try:
        logs.configure_by_options(settings, board=logs.board_path(place.socket))
    except OSError as error:
        raise OptionError(f'Bad option: "--log-file".\n{error}') from None
    if settings["log-file"]:
        signal.signal(signal.SIGHUP, reopen_log)
    return logging.getLogger("triton_lite")


def reopen_log(number: int, frame: FrameType | None) -> None:
    """What SIGHUP means where the log is a file: it was moved away, and is to be opened anew."""
    logs.request_reopening()
