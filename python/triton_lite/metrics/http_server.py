"""A small HTTP server for one page."""

from __future__ import annotations

import logging
import socket
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from triton_lite.metrics.exposition import CONTENT_TYPE, exposition

_log = logging.getLogger("triton_lite.metrics")


class _Handler(BaseHTTPRequestHandler):
    """Answers one connection."""

    protocol_version = "HTTP/1.1"
    server_version = "triton-lite"
    sys_version = ""
    timeout = 30

    def do_GET(self) -> None:
        """Answer with the metrics."""
        if self.path.partition("?")[0] not in ("/metrics", "/metrics/"):
            self.send_error(404)
            return
        assert isinstance(self.server, MetricsServer)
        body = exposition(self.server.read_engine)
        self.send_response(200)
        self.send_header("Content-Type", CONTENT_TYPE)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_POST(self) -> None:
        """Refuse what does not only read, in Triton's words."""
        body = b'{"error":"Method Not Allowed"}'
        self.send_response(405)
        self.send_header("Content-Type", "text/plain")
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Connection", "close")  # Whatever comes with the request is not read.
        self.end_headers()
        self.wfile.write(body)

    do_PUT = do_PATCH = do_DELETE = do_POST

    def log_message(self, format: str, *args: object) -> None:
        """Keep requests out of the log unless it is verbose."""
        _log.debug(format, *args)


class MetricsServer(ThreadingHTTPServer):
    """Serves /metrics on a socket that already listens."""

    daemon_threads = True

    def __init__(self, listener: socket.socket, read_engine: Callable[[], bytes | None]) -> None:
        """read_engine: see `exposition`."""
        self.read_engine = read_engine
        super().__init__(listener.getsockname()[:2], _Handler, bind_and_activate=False)
        self.socket.close()
        self.socket = listener
