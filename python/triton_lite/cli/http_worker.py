"""gunicorn's ASGI worker under `triton-lite serve`, with connections of our own."""

from __future__ import annotations

from typing import Any

from gunicorn.workers import gasgi  # type: ignore[import-untyped]

from triton_lite.cli.http_connection import AgingConnection, Connection
from triton_lite.launch import options


class Worker(gasgi.ASGIWorker):  # type: ignore[misc]
    """Serves with `Connection`. `max_age`: seconds after which a connection ends, None for never."""

    max_age: float | None = None

    def init_process(self) -> Any:
        """Run the worker; returns when it has ended."""
        age = options()["http-max-connection-age"]
        if age is not None:
            self.max_age = age / 1000
        # gunicorn has no setting for it, and looks the name up there for each connection.
        gasgi.ASGIProtocol = Connection if self.max_age is None else AgingConnection
        return super().init_process()
