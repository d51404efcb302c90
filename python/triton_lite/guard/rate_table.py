"""When each key's next request is due, in memory that all processes of one server share."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import mmap
import os
import struct
import threading
import time
from collections.abc import Iterator
from pathlib import Path

from triton_lite.guard.rate import Rate

_ENTRY = struct.Struct("<Qq")  # Which key (0: none), when its next request is due.
_ENTRIES = 8192
_WINDOW = 64  # A key's entry is one of so many.
_BYTE_SIZE = _ENTRY.size * (_ENTRIES + _WINDOW)


class RateTable:
    """A hash table in a mapped file, changed under a lock of the file. Thread-safe.

    Without a file that can be made, each process counts for itself.
    """

    def __init__(self, path: Path | None) -> None:
        self._thread_lock = threading.Lock()
        self._descriptor = _open(path) if path is not None else -1
        self._memory = mmap.mmap(self._descriptor, _BYTE_SIZE)

    def close(self) -> None:
        """Give the memory back; the file stays for the others."""
        self._memory.close()
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def take(self, name: str, rate: Rate, now: int | None = None) -> float:
        """Count a request of a key; returns the seconds that it should have come later, 0 if it may pass."""
        moment = time.monotonic_ns() if now is None else now
        digest = int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "little") or 1
        with self._locked():
            offset, due = self._find(digest, moment)
            due, wait = rate.take(due, moment)
            if not wait:
                _ENTRY.pack_into(self._memory, offset, digest, due)
        return wait / 1e9

    def _find(self, digest: int, now: int) -> tuple[int, int]:
        """The entry of a key, else one that nothing depends on any more: its key may send at once again."""
        first = digest % _ENTRIES * _ENTRY.size
        spare, spare_due = first, None
        for offset in range(first, first + _WINDOW * _ENTRY.size, _ENTRY.size):
            found, due = _ENTRY.unpack_from(self._memory, offset)
            if found == digest:
                return offset, due
            if spare_due is None or due < spare_due:
                spare, spare_due = offset, due
        return spare, 0

    @contextlib.contextmanager
    def _locked(self) -> Iterator[None]:
        with self._thread_lock:
            if self._descriptor < 0:
                yield
                return
            fcntl.flock(self._descriptor, fcntl.LOCK_EX)
            try:
                yield
            finally:
                fcntl.flock(self._descriptor, fcntl.LOCK_UN)


def _open(path: Path) -> int:
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    except OSError:
        return -1
    try:
        os.ftruncate(descriptor, _BYTE_SIZE)
    except OSError:
        os.close(descriptor)
        return -1
    return descriptor
