"""The log of the server's own processes that are not the engine: the same format, the same place."""

from __future__ import annotations

import logging
import os

from triton_lite import logs
from triton_lite.options import OptionError, Settings


def log_here(settings: Settings) -> logging.Logger:
    """Set up this process's log. With --log-file, whatever it and its children write to stderr goes there too.

    Raises OptionError if the file cannot be written.
    """
    if settings["log-file"]:
        try:
            descriptor = os.open(settings["log-file"], os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o644)
        except OSError as error:
            raise OptionError(f'Bad option: "--log-file".\n{error}') from None
        os.dup2(descriptor, 2)
        os.close(descriptor)
    return configure(settings)


def configure(settings: Settings) -> logging.Logger:
    """Set up this process's log, on stderr."""
    logs.configure_by_options(settings)
    return logging.getLogger("triton_lite")
