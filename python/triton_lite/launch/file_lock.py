"""A lock between processes that leaves no file behind and ends with its holder."""

from __future__ import annotations

import fcntl
import os
import time
from pathlib import Path
from types import TracebackType

_PAUSE_SECONDS = 0.01


class FileLock:
    """flock on a file that exists only while the lock is held. The kernel frees it when the holder dies.

    shared: several holders that all ask for a shared lock have it at the same time.
    Not for use by several threads at once.
    """

    def __init__(self, path: Path, shared: bool = False) -> None:
        self._path = path
        self._mode = fcntl.LOCK_SH if shared else fcntl.LOCK_EX
        self._descriptor = -1

    def try_acquire(self) -> bool:
        """Take the lock if it is free."""
        while True:
            descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                fcntl.flock(descriptor, self._mode | fcntl.LOCK_NB)
            except BlockingIOError:
                os.close(descriptor)
                return False
            if self._is_current(descriptor):
                self._descriptor = descriptor
                return True
            os.close(descriptor)  # Its last holder removed the file before we had it: lock the one that is there now.

    def acquire(self, timeout: float) -> bool:
        """Take the lock, waiting up to `timeout` seconds."""
        deadline = time.monotonic() + timeout
        while not self.try_acquire():
            if time.monotonic() > deadline:
                return False
            time.sleep(_PAUSE_SECONDS)
        return True

    def release(self) -> None:
        """Give the lock back, and remove the file unless others share it. Idempotent."""
        if self._descriptor < 0:
            return
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            self._path.unlink(missing_ok=True)
        except BlockingIOError:
            pass  # Shared with another holder, who removes it.
        os.close(self._descriptor)
        self._descriptor = -1

    def _is_current(self, descriptor: int) -> bool:
        try:
            there = os.stat(self._path)
        except FileNotFoundError:
            return False
        return os.path.samestat(there, os.fstat(descriptor))

    def __enter__(self) -> FileLock:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()
