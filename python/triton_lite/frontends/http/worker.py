"""gunicorn's ASGI worker with connections of our own: that of `triton-lite serve`, and for a gunicorn started by hand
(`-k triton_lite.frontends.http.worker.Worker`)."""

from __future__ import annotations

from typing import Any

from gunicorn.workers import gasgi  # type: ignore[import-untyped]

from triton_lite.frontends.http.aging_connection import AgingConnection
from triton_lite.frontends.http.lane_connection import LaneConnection
from triton_lite.launch import options


class Worker(gasgi.ASGIWorker):  # type: ignore[misc]
    """Serves with `LaneConnection`. `max_age`: seconds after which a connection ends, None for never."""

    max_age: float | None = None

    def init_process(self) -> Any:
        """Run the worker; returns when it has ended."""
        age = options()["http-max-connection-age"]
        if age is not None:
            self.max_age = age / 1000
        take_connections(LaneConnection if age is None else AgingConnection)
        return super().init_process()


def take_connections(kind: type[LaneConnection]) -> None:
    """Have gunicorn's workers in this process make such connections."""
    # It keeps what it finds out about its parser in the class that is asked, but looks for it in its own.
    gasgi.ASGIProtocol._check_h1c_protocol_available()
    # There is no setting for it; the name is looked up there for each connection.
    gasgi.ASGIProtocol = kind
