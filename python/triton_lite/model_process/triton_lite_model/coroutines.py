"""The event loop of a model with coroutines."""

from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Coroutine


class Coroutines:
    """Runs coroutines: in the loop of the thread that serves, or in one of a thread of its own."""

    def __init__(self, loop: asyncio.AbstractEventLoop | None = None) -> None:
        self._tasks: set[asyncio.Future[Any]] = set()
        self._thread: threading.Thread | None = None
        if loop is None:
            loop = asyncio.new_event_loop()
            self._thread = threading.Thread(target=loop.run_forever, name="coroutines", daemon=True)
            self._thread.start()
        self._loop = loop

    def start(self, coroutine: Coroutine[Any, Any, Any]) -> None:
        """Start a coroutine; the caller is the loop's thread, if that is the one that serves."""
        if self._thread is None:
            self._keep(coroutine)
        else:
            self._loop.call_soon_threadsafe(self._keep, coroutine)

    def run(self, coroutine: Coroutine[Any, Any, Any]) -> Any:
        """Run a coroutine and wait for its result, from another thread."""
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result()

    def stop(self) -> None:
        """Stop the loop; coroutines that still run end nowhere."""
        try:
            self._loop.call_soon_threadsafe(self._loop.stop)
        except RuntimeError:  # It has been closed.
            return
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join(1)

    def _keep(self, coroutine: Coroutine[Any, Any, Any]) -> None:
        task = self._loop.create_task(coroutine)
        self._tasks.add(task)  # The loop itself has only weak references.
        task.add_done_callback(self._tasks.discard)
