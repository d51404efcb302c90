"""The next request on a kept connection, under gunicorn's ASGI worker.

A client may send its next request the moment that it has an answer, which is before the worker has made its parser
ready for it. gunicorn keeps what comes in between, but only 64 KB of it, and closes the connection on more: a client
with large requests loses one now and then (gunicorn 27.0, gunicorn_h1c 0.6). While reading is paused, nothing comes in
between; the worker itself resumes once it is ready.
"""

from __future__ import annotations

from typing import Any


def hold_next_request(receive: Any) -> None:
    """Pause reading until the worker is ready for the next request; call it right before an answer's last part.

    receive: the ASGI server's own. Does nothing under other servers.
    """
    try:
        protocol = receive.__self__.protocol
        protocol._resume_reading  # noqa: B018 - without it nobody would resume
        pause = protocol._pause_reading
    except AttributeError:
        return
    pause()
