"""gunicorn's configuration under `triton-lite serve`: it reads the names of this module."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from gunicorn.glogging import Logger  # type: ignore[import-untyped]

from triton_lite.cli.log import configure
from triton_lite.frontends import ready
from triton_lite.launch import options

if TYPE_CHECKING:
    from gunicorn.arbiter import Arbiter  # type: ignore[import-untyped]
    from gunicorn.workers.base import Worker  # type: ignore[import-untyped]

_settings = options()


class TritonLogger(Logger):  # type: ignore[misc]
    """gunicorn's messages in the server's log."""

    def setup(self, cfg: Any) -> None:
        """Write where and how the package's own log does."""
        super().setup(cfg)
        self.follow()
        # Directly, so that a line names the place in gunicorn that wrote it, not gunicorn's logger.
        self.critical, self.error, self.warning = self.error_log.critical, self.error_log.error, self.error_log.warning
        self.info, self.debug, self.exception = self.error_log.info, self.error_log.debug, self.error_log.exception

    def follow(self) -> None:
        """Take over the handlers of the package's log, made anew for this process."""
        self.error_log.handlers[:] = configure(_settings).handlers


bind = f"fd://{os.environ['TRITON_LITE_HTTP_SOCKET']}"
workers = _settings["http-workers"]
worker_class = "asgi"
worker_tmp_dir = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
control_socket_disable = True
graceful_timeout = _settings["exit-timeout-secs"]
# A connection that waits longer for its next request is closed; a stopping worker waits for idle ones until then.
keepalive = 10
timeout = 0
logger_class = TritonLogger
# What gunicorn says of its start and its workers concerns only who looks closely.
loglevel = "info" if _settings["log-verbose"] else "warning"
proc_name = "triton-lite-http"


def post_fork(server: Arbiter, worker: Worker) -> None:
    """Give the worker's log lines its own process id."""
    server.log.follow()


def post_worker_init(worker: Worker) -> None:
    """Tell the supervisor that this worker is about to take requests."""
    ready.announce(_settings["http-port"])
