"""gunicorn's configuration under `triton-lite serve`: it reads the names of this module."""

from __future__ import annotations

import faulthandler
import logging
import os
import signal
import ssl
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from gunicorn.glogging import Logger  # type: ignore[import-untyped]

from triton_lite import logs
from triton_lite.frontends import ready
from triton_lite.guard.certificates import server_context
from triton_lite.launch import options
from triton_lite.launch.place import place_of
from triton_lite.options.processes import front_end_processes
from triton_lite.options.rules import uses_tls

if TYPE_CHECKING:
    from gunicorn.workers.base import Worker  # type: ignore[import-untyped]

_settings = options()
_LAST_WORDS_SECONDS = 2


class TritonLogger(Logger):  # type: ignore[misc]
    """gunicorn's messages in the server's log."""

    def setup(self, cfg: Any) -> None:
        """Write where and how the package's own log does."""
        super().setup(cfg)
        handler = logs.configure_by_options(_settings, board=logs.board_path(place_of(_settings).socket))
        self.error_log.handlers[:] = [handler]
        self.error_log.addFilter(_concerns)
        # Directly, so that a line names the place in gunicorn that wrote it, not gunicorn's logger.
        self.critical, self.error, self.warning = self.error_log.critical, self.error_log.error, self.error_log.warning
        self.info, self.debug, self.exception = self.error_log.info, self.error_log.debug, self.error_log.exception


def _concerns(record: logging.LogRecord) -> bool:
    """What gunicorn says of its start and its workers concerns only who looks closely."""
    return record.levelno > logging.INFO or logs.verbose()


bind = [f"fd://{descriptor}" for descriptor in os.environ["TRITON_LITE_HTTP_SOCKET"].split(",")]
if uses_tls(_settings.values, "http"):
    certfile, keyfile = _settings["http-server-cert"], _settings["http-server-key"]
workers = front_end_processes("http-workers", _settings["http-workers"])
worker_class = "triton_lite.frontends.http.worker.Worker"
# Names with underscores are taken as they are, as Triton takes them: ASGI does not mix them up with those with dashes.
header_map = "dangerous"
worker_tmp_dir = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
control_socket_disable = True
# The master kills what its workers have not ended by then; they give what is left in flight an answer before.
graceful_timeout = _settings["exit-timeout-secs"] + _LAST_WORDS_SECONDS
# A connection that waits longer for its next request is closed; a stopping worker waits for idle ones until then.
keepalive = 10
timeout = 0
logger_class = TritonLogger
loglevel = "info"
proc_name = "triton-lite-http"


def ssl_context(config: Any, make_default: Callable[[], ssl.SSLContext]) -> ssl.SSLContext:
    """Make what TLS connections are made of: gunicorn's own would trust the system's roots for clients."""
    return server_context(_settings, "http")


_ENDING_SIGNALS = {signal.SIGTERM, signal.SIGINT, signal.SIGQUIT}


# A new worker has its master's handlers first, then those of a loop that does not run yet: both forget a signal, and a
# server that is told to end just then would wait for the worker in vain. So signals wait until the loop runs.
os.register_at_fork(
    before=lambda: signal.pthread_sigmask(signal.SIG_BLOCK, _ENDING_SIGNALS),
    after_in_parent=lambda: signal.pthread_sigmask(signal.SIG_UNBLOCK, _ENDING_SIGNALS),
)


def post_worker_init(worker: Worker) -> None:
    """Tell the supervisor that this worker is about to take requests."""
    faulthandler.enable()
    worker.cfg.set("graceful_timeout", _settings["exit-timeout-secs"])  # Of this process alone.
    worker.loop.call_soon(signal.pthread_sigmask, signal.SIG_UNBLOCK, _ENDING_SIGNALS)
    ready.announce(_settings["http-port"])
