"""Work that the end of an object brings: done by a thread of its own.

A collection may end an object at any moment, in a thread that holds whatever lock; so the end itself takes none.
"""

from __future__ import annotations

import contextlib
import os
import queue
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

_work: queue.SimpleQueue[Callable[[], object]] = queue.SimpleQueue()
_starting = threading.Lock()
_started = False


def prepare() -> None:
    """Have the thread run: when an object is made whose end brings work, since a collection cannot start threads."""
    global _started
    if not _started:
        with _starting:
            if not _started:
                threading.Thread(target=_run, name="deferred", daemon=True).start()
                _started = True


def later(work: Callable[[], object]) -> None:
    """Do something soon, in no particular order. What it raises is its own affair."""
    _work.put(work)


def _run() -> None:
    while True:
        work = _work.get()
        with contextlib.suppress(OSError):  # The engine may be gone.
            work()
        del work


def _start_afresh() -> None:
    """Forget the thread in a forked child, which has none."""
    global _started, _starting, _work
    _work = queue.SimpleQueue()
    _starting = threading.Lock()
    _started = False


os.register_at_fork(after_in_child=_start_afresh)
