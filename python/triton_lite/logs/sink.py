"""Where lines go: a descriptor, and the file behind it."""

from __future__ import annotations

import contextlib
import os
import select
import time

from triton_lite.logs.board import Board

_LOOK_EVERY_SECONDS = 1.0
_PATIENCE_SECONDS = 1.0
STDERR = 2


def open_log(path: str) -> int:
    """Open a log file for appending, made if it is not there. Raises OSError."""
    return os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o644)


class Sink:
    """Writes to `descriptor`. Used by one thread at a time.

    path: the file that the descriptor is open for, "" if it is none of ours. One that was moved away or deleted
    (logrotate) is opened anew under its name, within a second or, where the board asks for it, at the next line. The
    descriptor keeps its number, so that whoever else writes to it (standard error) follows. board: may be replaced.
    """

    def __init__(self, descriptor: int, path: str, board: Board) -> None:
        self._descriptor = descriptor
        # Another working folder must not mean another file.
        self._path = os.path.abspath(path) if path else ""
        self.board = board
        self._seen = board.reopenings
        self._next_look = 0.0

    def write(self, lines: str) -> None:
        """Write whole lines at once. What cannot be written is lost: there is nobody to tell."""
        if self._path:
            self._follow()
        left = memoryview(lines.encode("utf-8", "replace"))
        with contextlib.suppress(OSError):
            while left:
                try:
                    left = left[os.write(self._descriptor, left) :]
                except BlockingIOError:
                    if not select.select([], [self._descriptor], [], _PATIENCE_SECONDS)[1]:
                        return

    def _follow(self) -> None:
        wanted = self.board.reopenings
        now = time.monotonic()
        if wanted == self._seen and now < self._next_look:
            return
        self._next_look = now + _LOOK_EVERY_SECONDS
        if wanted != self._seen or self._moved():
            self._seen = wanted
            self._reopen()

    def _moved(self) -> bool:
        try:
            return not os.path.samestat(os.stat(self._path), os.fstat(self._descriptor))
        except FileNotFoundError:
            return True
        except OSError:
            return False

    def _reopen(self) -> None:
        with contextlib.suppress(OSError):  # The old file is better than none.
            opened = open_log(self._path)
            os.dup2(opened, self._descriptor, inheritable=self._descriptor <= STDERR)
            os.close(opened)
