"""The threads that load versions: each takes the next job when it has done one."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor, wait

Job = Callable[[], object]


class LoadThreads:
    """At most `count` threads, which all jobs of `begin` share."""

    def __init__(self, count: int, name: str) -> None:
        self.count = count
        self.closed = False
        self.pool = ThreadPoolExecutor(count, thread_name_prefix=name)

    def begin(self) -> Jobs:
        """Begin with jobs that are waited for together."""
        return Jobs(self)

    def close(self) -> None:
        """Drop the jobs that no thread has begun, and wait for the others."""
        self.closed = True
        self.pool.shutdown(cancel_futures=True)


class Jobs:
    """Jobs that are waited for together. Thread-safe: a job may add others.

    A future for each of them, and waking a thread for it, would take as long as loading a small model.
    """

    def __init__(self, threads: LoadThreads) -> None:
        self._threads = threads
        self._lock = threading.Lock()
        self._waiting: deque[Job] = deque()
        self._working = 0  # Threads that look at `_waiting` again before they end.
        self._runs: list[Future[None]] = []

    def add(self, job: Job) -> None:
        """Have a thread do something. Raises CancelledError where nothing is begun any more."""
        with self._lock:
            if self._threads.closed:
                raise CancelledError
            self._waiting.append(job)
            if self._working == self._threads.count:
                return
            self._working += 1
            self._runs.append(self._threads.pool.submit(self._run))

    def wait(self) -> None:
        """Wait for all of them. Raises what one of them raised, or CancelledError where some were dropped."""
        for run in self._runs:  # Grows while they run.
            wait([run])
        for run in self._runs:
            run.result()

    def _run(self) -> None:
        failure: BaseException | None = None
        while (job := self._next()) is not None:
            try:
                job()
            except BaseException as error:  # The others are done all the same.
                failure = failure or error
        if failure is not None:
            raise failure

    def _next(self) -> Job | None:
        with self._lock:
            if self._waiting and self._threads.closed:
                raise CancelledError
            if self._waiting:
                return self._waiting.popleft()
            self._working -= 1
            return None
