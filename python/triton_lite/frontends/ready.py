"""Telling whoever started a process that it serves: a line through an inherited descriptor."""

from __future__ import annotations

import contextlib
import os

VARIABLE = "TRITON_LITE_READY_FD"


def announce(port: int) -> None:
    """Write `ready PORT` to the descriptor that TRITON_LITE_READY_FD names, if any, and close it."""
    text = os.environ.pop(VARIABLE, "")
    if not text.isdigit():
        return
    with contextlib.suppress(OSError):  # Nobody listens any more: then nobody waits either.
        os.write(int(text), f"ready {port}\n".encode())
    with contextlib.suppress(OSError):
        os.close(int(text))
