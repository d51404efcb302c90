"""The file with the API keys, read again when it has changed."""

from __future__ import annotations

import logging
import os
import stat
import time

from triton_lite.guard import api_keys
from triton_lite.guard.api_keys import ApiKeys

_log = logging.getLogger("triton_lite.guard")

# How soon a change counts, at the latest. Looking is one system call.
_LOOK_SECONDS = 0.5
_MOST_BYTES = 4 << 20

Identity = tuple[int, int, int, int]


class KeyFile:
    """Gives the keys as they are now. A change that cannot be read leaves those that were: it is logged once.

    Looked at when keys are asked for, rather than watched: files in mounted volumes are replaced in ways that tell
    nobody.
    """

    def __init__(self, path: str) -> None:
        """Read the file. Raises ValueError that names it and what is wrong."""
        self._path = path
        self._identity: Identity | None
        self._keys, self._identity = _read(path)
        self._look_due = time.monotonic() + _LOOK_SECONDS

    @property
    def keys(self) -> ApiKeys:
        """The keys of the newest version that could be read."""
        now = time.monotonic()
        if now >= self._look_due:
            self._look_due = now + _LOOK_SECONDS
            self._look()
        return self._keys

    def _look(self) -> None:
        identity: Identity | None = None
        try:
            identity = _identity(os.stat(self._path))
            if identity == self._identity:
                return
            self._keys, identity = _read(self._path)
            _log.info("read %d API keys from %s", len(self._keys.by_hash), self._path)
        except (OSError, ValueError) as error:
            if identity != self._identity:
                _log.error("the API keys stay as they were: %s", error)
        self._identity = identity


def _read(path: str) -> tuple[ApiKeys, Identity]:
    try:
        with open(path, "rb") as file:
            found = os.fstat(file.fileno())
            text = file.read(_MOST_BYTES + 1)
    except OSError as error:
        raise ValueError(f"{path} cannot be read: {error.strerror}") from None
    if not stat.S_ISREG(found.st_mode) or len(text) > _MOST_BYTES:
        raise ValueError(f"{path} is no file of at most {_MOST_BYTES} bytes")
    if found.st_mode & 0o022:
        raise ValueError(f"{path} can be written by others: chmod go-w it")
    try:
        return api_keys.parse(text.decode()), _identity(found)
    except ValueError as error:
        raise ValueError(f"{path}, {error}") from None


def _identity(found: os.stat_result) -> Identity:
    return found.st_dev, found.st_ino, found.st_mtime_ns, found.st_size
