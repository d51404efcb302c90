"""What a model process writes to its standard output and error: lines of the server's log."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable

from triton_lite.engine.model_processes.reactor import Reactor

_READ_BYTE_SIZE = 1 << 16
_LONGEST_LINE = 1 << 16


class OutputReader:
    """Reads one pipe, line by line, without blocking. Everything in the reactor's thread.

    write: called with each line. A line that is too long is cut in pieces. Owns the descriptor.
    """

    def __init__(self, reactor: Reactor, descriptor: int, write: Callable[[str], None]) -> None:
        self._reactor = reactor
        self._descriptor = descriptor
        self._write = write
        self._rest = b""
        os.set_blocking(descriptor, False)
        reactor.watch(descriptor, self._ready)

    def close(self) -> None:
        """Take what is still in the pipe, and close it. Idempotent."""
        while self._descriptor >= 0 and self._read():
            pass
        self._end()

    def _ready(self) -> None:
        self._read()

    def _read(self) -> bool:
        """Read once. Returns whether there was anything."""
        try:
            data = os.read(self._descriptor, _READ_BYTE_SIZE)
        except BlockingIOError:
            return False
        except OSError:
            data = b""
        if not data:
            self._end()
            return False
        *lines, self._rest = (self._rest + data).split(b"\n")
        if len(self._rest) >= _LONGEST_LINE:
            lines.append(self._rest)
            self._rest = b""
        for line in lines:
            self._take(line)
        return True

    def _take(self, line: bytes) -> None:
        text = line.decode("utf-8", "replace").rstrip()
        if text:
            self._write(text)

    def _end(self) -> None:
        if self._descriptor < 0:
            return
        self._reactor.forget(self._descriptor)
        with contextlib.suppress(OSError):
            os.close(self._descriptor)
        self._descriptor = -1
        if self._rest:
            self._take(self._rest)
            self._rest = b""
