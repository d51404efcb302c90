"""Telling whoever started a process that it serves, and being told that the others do: inherited descriptors."""

from __future__ import annotations

import contextlib
import os
import select

VARIABLE = "TRITON_LITE_READY_FD"
OTHERS_VARIABLE = "TRITON_LITE_OTHERS_READY_FD"
"""Names the reading end of a pipe whose other end is closed when the other front ends serve."""

MODELS_VARIABLE = "TRITON_LITE_LISTEN_WITH_MODELS"
"""Set for a front end that is to listen only when the engine has its models: in a server that starts."""


def announce(port: int) -> None:
    """Write `ready PORT` to the descriptor that TRITON_LITE_READY_FD names, if any, and close it."""
    text = os.environ.pop(VARIABLE, "")
    if not text.isdigit():
        return
    with contextlib.suppress(OSError):  # Nobody listens any more: then nobody waits either.
        os.write(int(text), f"ready {port}\n".encode())
    with contextlib.suppress(OSError):
        os.close(int(text))


def others_are() -> bool:
    """Tell whether the front ends that were started together with this one serve: a server is ready as a whole.

    True where nobody started it together with others.
    """
    text = os.environ.get(OTHERS_VARIABLE, "")
    if not text.isdigit():
        return True
    poller = select.poll()
    poller.register(int(text), 0)  # Whether its other end is closed.
    if not poller.poll(0):
        return False
    os.environ.pop(OTHERS_VARIABLE, None)
    with contextlib.suppress(OSError):
        os.close(int(text))
    return True
