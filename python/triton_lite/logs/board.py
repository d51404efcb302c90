"""What the processes of one server tell each other about their log: a page of memory, mapped from a file by all.

Two words of 64 bits: the settings that somebody set at run time (0: nobody did, everyone's own count), and a number
that counts up when the log file is to be opened anew. A word is read and written at once: no lock.
"""

from __future__ import annotations

import contextlib
import mmap
import os
from pathlib import Path

_BYTE_SIZE = 4096
_SETTINGS, _REOPENINGS = 0, 1


class Board:
    """The page at `path`, made if it is not there; memory of this process alone without a path, or where no file can
    be made (then nothing reaches other processes)."""

    def __init__(self, path: Path | None = None) -> None:
        mapped = _map(path) if path is not None else None
        self.path = path if mapped is not None else None
        self._identity: tuple[int, int] | None = None
        if mapped is not None:
            memory, self._identity = mapped
        else:
            memory = mmap.mmap(-1, _BYTE_SIZE)
        self._words = memoryview(memory).cast("Q")

    @property
    def settings_word(self) -> int:
        """The settings set at run time, see LogSettings.word; 0 if there are none."""
        return self._words[_SETTINGS]

    @settings_word.setter
    def settings_word(self, word: int) -> None:
        self._words[_SETTINGS] = word

    @property
    def reopenings(self) -> int:
        """How often the log file was to be opened anew."""
        return self._words[_REOPENINGS]

    def is_at(self, path: Path) -> bool:
        """Whether this is the page that lies at `path` now."""
        try:
            found = os.stat(path, follow_symlinks=False)
        except OSError:
            return False
        return self._identity == (found.st_dev, found.st_ino)

    def request_reopening(self) -> None:
        """Have every process open the log file anew before its next line. For one process of a server."""
        self._words[_REOPENINGS] += 1


def _map(path: Path) -> tuple[mmap.mmap, tuple[int, int]] | None:
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    except OSError:
        return None
    try:
        with contextlib.suppress(OSError, ValueError):
            found = os.fstat(descriptor)
            if found.st_size < _BYTE_SIZE:
                os.ftruncate(descriptor, _BYTE_SIZE)
            return mmap.mmap(descriptor, _BYTE_SIZE), (found.st_dev, found.st_ino)
        return None
    finally:
        os.close(descriptor)
