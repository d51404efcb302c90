"""One instance of a function: a thread of this program that talks to the data plane as a model's process does."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import socket
import threading
from typing import Any

from triton_lite.errors import Code, TritonError
from triton_lite.model_process.triton_lite_model.instance import Instance
from triton_lite.model_process.triton_lite_model.lane import Lane

_log = logging.getLogger(__name__)

# As many batches as coroutines may be under way at a time.
_CONCURRENCY = 64


class FunctionInstance:
    """Runs from its making until the data plane closes the link. link: `_native.ModelLink`, its side.

    model: what has the method `execute`.
    """

    def __init__(
        self, name: str, model: Any, link: Any, *, decoupled: bool, overlaps: bool, reads_memory: bool
    ) -> None:
        self.name = name
        self.link = link
        execute, calls = (socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET) for _ in range(2))
        self._sockets = (execute[0], calls[0])
        self._lane = Lane(execute[0], read_memory=reads_memory)
        self._instance = Instance(
            name,
            model,
            self._lane,
            Lane(calls[0], read_memory=reads_memory),
            decoupled=decoupled,
            log_error=_log.error,
        )
        self._loop = asyncio.new_event_loop() if overlaps else None
        link.attach(execute[1].detach(), calls[1].detach(), os.getpid())
        if overlaps:
            link.set_concurrency(_CONCURRENCY)
        self._thread = threading.Thread(target=self._run, name=f"function-{name}", daemon=True)
        self._thread.start()

    @property
    def runs(self) -> bool:
        """Whether it takes requests."""
        return self._thread.is_alive()

    def join(self, seconds: float) -> bool:
        """Wait for its end, once the link is closed. Returns whether it came."""
        if self._loop is not None:
            with contextlib.suppress(RuntimeError):  # It has ended.
                self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(seconds)
        return not self._thread.is_alive()

    def _run(self) -> None:
        try:
            if self._loop is None:
                self._instance.serve()
            else:
                self._run_loop(self._loop)
        except OSError as error:
            _log.debug("the thread of '%s' ends: %s", self.name, error)
        except BaseException:
            _log.exception("the thread of '%s' ended unexpectedly", self.name)
        finally:
            self.link.detach()  # Whoever waits for an answer learns that there is none.
            self._instance.close()
            for connection in self._sockets:
                connection.close()

    def _run_loop(self, loop: asyncio.AbstractEventLoop) -> None:
        asyncio.set_event_loop(loop)
        try:
            self._instance.serve_coroutines(loop)
            loop.run_forever()
            left = asyncio.all_tasks(loop)
            for task in left:
                task.cancel()
            if left:
                loop.run_until_complete(asyncio.wait(left))
            loop.run_until_complete(loop.shutdown_asyncgens())
        finally:
            loop.close()


def status_of(error: BaseException) -> tuple[int, str] | None:
    """Tell code and text of an error that a function raised to be the answer."""
    return (int(error.code), error.text) if isinstance(error, TritonError) and error.code is not Code.OK else None
