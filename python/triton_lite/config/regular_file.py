"""Reads text that a repository's owner wrote: never blocks on a pipe or a device that lies in a file's place."""

from __future__ import annotations

import errno
import os
import stat


def read_text(path: str, *, errors: str = "strict", newline: str | None = None) -> str:
    """Read a regular file as UTF-8. Raises OSError or UnicodeDecodeError."""
    try:
        # Opening a pipe would wait for somebody who writes to it.
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except ValueError as error:  # A name with a NUL in it.
        raise OSError(errno.ENOENT, os.strerror(errno.ENOENT), path) from error
    with open(descriptor, "rb", buffering=0) as file:
        mode = os.fstat(descriptor).st_mode
        if stat.S_ISDIR(mode):
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), path)
        if not stat.S_ISREG(mode):
            raise OSError(errno.EINVAL, "not a regular file", path)
        text = file.read().decode(errors=errors)
        return text if newline is not None or "\r" not in text else text.replace("\r\n", "\n").replace("\r", "\n")
