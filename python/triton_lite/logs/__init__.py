"""The log of the server: one for all its processes, in Triton's formats or as JSON lines.

Every process writes its own lines, each with one write to a file opened for appending, so that none is torn. What is
logged and how can be changed while the server runs, for all processes at once (`board`). Native threads write the same
lines (csrc/log).
"""

from triton_lite.logs.log import (
    active,
    board_path,
    change,
    configure,
    configure_by_options,
    follow,
    native_options,
    request_reopening,
    settings,
    verbose,
)
from triton_lite.logs.settings import FORMATS, LogSettings

__all__ = [
    "FORMATS",
    "LogSettings",
    "active",
    "board_path",
    "change",
    "configure",
    "configure_by_options",
    "follow",
    "native_options",
    "request_reopening",
    "settings",
    "verbose",
]
