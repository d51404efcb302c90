"""The one thread that listens to all model processes: descriptors, timers, and calls from other threads."""

from __future__ import annotations

import heapq
import itertools
import logging
import os
import selectors
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from typing import Protocol, TypeVar

from triton_lite.errors import Code, TritonError

_log = logging.getLogger(__name__)

_Result = TypeVar("_Result")


class Timer:
    """A call to come. `cancel` may be called at any time, in the reactor's thread."""

    def __init__(self, callback: Callable[[], None]) -> None:
        self._callback: Callable[[], None] | None = callback

    def cancel(self) -> None:
        """Let it not come."""
        self._callback = None

    def fire(self) -> None:
        """Make the call, unless it was cancelled or made."""
        callback, self._callback = self._callback, None
        if callback is not None:
            callback()


class Scheduler(Protocol):
    """What is needed of a reactor by those who only wait for time to pass."""

    def now(self) -> float: ...  # noqa: D102
    def call_later(self, seconds: float, callback: Callable[[], None]) -> Timer: ...  # noqa: D102


class Reactor:
    """Starts its thread when it is first used. All callbacks run in it, one after the other: none may block.

    The thread lives until `stop`: the kernel ends a process with the thread that started it, where the process asks
    for that.
    """

    def __init__(self) -> None:
        self._selector: selectors.BaseSelector | None = None
        self._wake = -1
        self._lock = threading.Lock()
        self._calls: list[Callable[[], None]] = []  # Guarded by _lock, like _thread and _stopping.
        self._thread: threading.Thread | None = None
        self._stopping = False
        self._timers: list[tuple[float, int, Timer]] = []
        self._order = itertools.count()

    @property
    def runs(self) -> bool:
        """False once it was told to stop."""
        return not self._stopping

    def now(self) -> float:
        """Tell the time that timers go by, in seconds."""
        return time.monotonic()

    def call_soon(self, callback: Callable[[], None]) -> bool:
        """Run a callback in the reactor's thread. From any thread. Returns False after `stop`: it is dropped."""
        with self._lock:
            if self._stopping:
                return False
            self._calls.append(callback)
            if self._thread is None:
                self._start()
            os.eventfd_write(self._wake, 1)
            return True

    def run(self, callback: Callable[[], _Result]) -> _Result:
        """Run a callback in the reactor's thread and wait for what it returns. Not from that thread.

        Raises TritonError after `stop`.
        """
        future: Future[_Result] = Future()

        def call() -> None:
            try:
                future.set_result(callback())
            except BaseException as error:
                future.set_exception(error)

        if not self.call_soon(call):
            raise TritonError(Code.UNAVAILABLE, "Server exiting")
        return future.result()

    def call_later(self, seconds: float, callback: Callable[[], None]) -> Timer:
        """Run a callback after so many seconds. In the reactor's thread."""
        timer = Timer(callback)
        heapq.heappush(self._timers, (self.now() + seconds, next(self._order), timer))
        return timer

    def watch(self, descriptor: int, callback: Callable[[], None], *, writing: bool = False) -> None:
        """Call back whenever a descriptor can be read, or with `writing` written too. In the reactor's thread."""
        assert self._selector is not None
        events = selectors.EVENT_READ | (selectors.EVENT_WRITE if writing else 0)
        if descriptor in self._selector.get_map():
            self._selector.modify(descriptor, events, callback)
        else:
            self._selector.register(descriptor, events, callback)

    def forget(self, descriptor: int) -> None:
        """Stop watching a descriptor, before it is closed. In the reactor's thread."""
        assert self._selector is not None
        if descriptor in self._selector.get_map():
            self._selector.unregister(descriptor)

    def stop(self) -> None:
        """End the thread, after what was called before. Idempotent."""
        with self._lock:
            thread = self._thread
            if self._stopping or thread is None:
                self._stopping = True
                return
            self._stopping = True
            os.eventfd_write(self._wake, 1)
        thread.join()

    def _start(self) -> None:
        self._wake = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._wake, selectors.EVENT_READ, self._clear_wake)
        self._thread = threading.Thread(target=self._loop, name="model-processes", daemon=True)
        self._thread.start()

    def _clear_wake(self) -> None:
        os.eventfd_read(self._wake)

    def _loop(self) -> None:
        assert self._selector is not None
        while True:
            for key, _ in self._selector.select(self._seconds_to_timer()):
                # Unless a callback before it had it forgotten.
                if self._selector.get_map().get(key.fd) is not None:
                    _guard(key.data)
            while self._timers and self._timers[0][0] <= self.now():
                _guard(heapq.heappop(self._timers)[2].fire)
            with self._lock:
                calls, self._calls = self._calls, []
                stopping = self._stopping
            for call in calls:
                _guard(call)
            if stopping:
                break
        self._selector.close()
        os.close(self._wake)

    def _seconds_to_timer(self) -> float | None:
        return max(0.0, self._timers[0][0] - self.now()) if self._timers else None


def _guard(callback: Callable[[], None]) -> None:
    """Call back; one process's trouble must not end the thread that listens to all others."""
    try:
        callback()
    except Exception:
        _log.exception("listening to model processes ended unexpectedly")
