"""Workers that end while others take their place, under gunicorn's ASGI worker: no request is lost.

gunicorn closes a connection after a response that it announced as not the last one, when its worker was told to end, or
reached --max-requests, in between; a client that has just sent its next request loses it (gunicorn 27.0). So a worker
that is to end first announces in every answer that the connection closes, for a moment; then it ends as gunicorn's do.
"""

from __future__ import annotations

import asyncio
import contextlib
import signal
import socket
import sys
from typing import Any

# Clients that ask without pause have had such an answer by then; those that are idle get it with their next one.
_ANNOUNCING_SECONDS = 1.0
# How often to look whether all have gone.
_LOOK_SECONDS = 0.02
# Until a connection that was accepted counts: over TLS clients have to answer first.
_CONNECTING_SECONDS = 0.05
_CONNECTING_TLS_SECONDS = 1.0

CLOSE = (b"connection", b"close")


class Recycling:
    """The end of this process's worker. Used from the loop's thread.

    closing: every answer is to say that its connection is closed.
    """

    def __init__(self) -> None:
        self.closing = False
        self._worker: Any = None
        self._limit = sys.maxsize

    def follow(self, receive: Any) -> None:
        """Take note of a request; receive: the ASGI server's own. Does nothing under other servers."""
        if self._worker is None:
            self.attend(getattr(getattr(getattr(receive, "__self__", None), "protocol", None), "worker", None))
        else:
            self.attend(self._worker)

    def attend(self, worker: Any) -> None:
        """Take note of a request that the worker has taken, or counted."""
        if self._worker is None:
            self._begin(worker)
        elif self._worker.nr >= self._limit and not self.closing:
            self._end()

    def _begin(self, worker: Any) -> None:
        try:
            self._limit = worker.max_requests
            worker.loop.add_signal_handler(signal.SIGTERM, self._end)
            worker.nr + worker.alive + worker.nr_conns
        except (AttributeError, TypeError, RuntimeError, ValueError):
            self._worker, self._limit = _NoWorker(), sys.maxsize
            return
        worker.max_requests = sys.maxsize
        self._worker = worker

    def _end(self) -> None:
        if self.closing:
            return
        self.closing = True
        self._announce(self._worker.loop.time() + _ANNOUNCING_SECONDS)

    def _announce(self, until: float) -> None:
        loop = self._worker.loop
        if self._worker.nr_conns == 0 or loop.time() >= until:
            self._leave()
        else:
            loop.call_later(_LOOK_SECONDS, self._announce, until)

    def _leave(self) -> None:
        """Take what has connected, and listen no more: whoever came afterwards would wait, and be reset in the end."""
        worker = self._worker
        with contextlib.suppress(AttributeError):
            for listener in worker.sockets:
                _take_waiting(worker, listener.sock)
            for server in worker.servers:
                server.close()
            for listener in worker.sockets:
                listener.close()
        connecting = _CONNECTING_TLS_SECONDS if worker.cfg.is_ssl else _CONNECTING_SECONDS
        worker.loop.call_later(connecting, self._exit)

    def _exit(self) -> None:
        """End as gunicorn's workers do, but now: they look once a second whether they are to, or end when cancelled."""
        self._worker.handle_exit_signal()
        for task in asyncio.all_tasks(self._worker.loop):
            if getattr(task.get_coro(), "__qualname__", "") == "ASGIWorker._serve":
                task.cancel()


def _take_waiting(worker: Any, listener: socket.socket) -> None:
    from gunicorn.asgi.protocol import ASGIProtocol  # type: ignore[import-untyped]

    if worker.cfg.is_ssl:
        return
    listener.setblocking(False)
    with contextlib.suppress(OSError):
        while True:
            accepted, _ = listener.accept()
            accepted.setblocking(False)
            serving = worker.loop.connect_accepted_socket(lambda: ASGIProtocol(worker), accepted)
            _serving.add(task := worker.loop.create_task(serving))
            task.add_done_callback(_serving.discard)


_serving: set[Any] = set()


class _NoWorker:
    """Of a server that ends its processes in its own way."""

    nr = 0
