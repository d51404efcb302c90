"""The port that Prometheus asks."""

from __future__ import annotations

import selectors
import socket
import threading
from pathlib import Path


class MetricsEndpoint:
    """Serves GET /metrics on a socket that already listens, on threads of its own."""

    def __init__(self, listener: socket.socket, engine_socket: Path) -> None:
        self._listener = listener
        self._engine_socket = engine_socket

    def start_when_used(self, selector: selectors.BaseSelector) -> None:
        """Start when the first connection comes: until then neither threads nor a HTTP library are there."""

        def start() -> None:
            selector.unregister(self._listener)
            self.start()

        selector.register(self._listener, selectors.EVENT_READ, start)

    def start(self) -> None:
        """Serve in the background, as long as the process lives."""
        # Importing it takes as long as all else that the supervisor does before the server is ready.
        from triton_lite.metrics.engine_client import EngineClient
        from triton_lite.metrics.http_server import MetricsServer

        server = MetricsServer(self._listener, EngineClient.at(self._engine_socket).read)
        threading.Thread(target=server.serve_forever, name="metrics", daemon=True).start()
