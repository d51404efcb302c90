"""Answers that clients have not read yet: a front end holds them, so there must be an end to it."""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
from collections.abc import AsyncIterator, Iterator

from triton_lite.errors import Code, TritonError

COUNTED_BYTE_SIZE = 1 << 14
"""Smaller answers fit into the buffers of a connection, and are not counted."""
DEFAULT_LIMIT = 4 << 30
# The C library keeps freed memory for the next time. So much of it is given back once all answers have been read.
_RETURNED_BYTE_SIZE = 64 << 20


class UnreadAnswers:
    """Counts the bytes of answers on their way to clients, in one process. Used on one event loop.

    Beyond the limit single answers are refused, and streams wait. One answer by itself is let through, however large.
    """

    def __init__(self, limit: int = 0) -> None:
        """limit: in bytes; 0 for the default."""
        self._limit = limit or DEFAULT_LIMIT
        self._byte_size = 0
        self._most = 0  # Since all were read.
        self._waiting: list[asyncio.Future[None]] = []

    @property
    def byte_size(self) -> int:
        """Bytes that are on their way."""
        return self._byte_size

    def check(self, byte_size: int) -> None:
        """Raise TritonError(UNAVAILABLE) if there is no room for so much more."""
        if byte_size >= COUNTED_BYTE_SIZE and not self._has_room(byte_size):
            raise TritonError(
                Code.UNAVAILABLE,
                f"{self._byte_size} bytes of answers wait for their clients to read them, and {byte_size} more would "
                f"exceed the limit of {self._limit} (--max-unread-byte-size); try again later",
            )

    def add(self, byte_size: int) -> None:
        """Count an answer that is about to be sent."""
        self._byte_size += byte_size
        self._most = max(self._most, self._byte_size)

    def remove(self, byte_size: int) -> None:
        """Forget it: its client has read it, or is gone."""
        self._byte_size -= byte_size
        if self._byte_size == 0:
            if self._most >= _RETURNED_BYTE_SIZE:
                _return_free_memory()
            self._most = 0
        waiting, self._waiting = self._waiting, []
        for future in waiting:
            if not future.done():
                future.set_result(None)

    @contextlib.contextmanager
    def holding(self, byte_size: int) -> Iterator[None]:
        """Count an answer for the block, which sends it."""
        self.add(byte_size)
        try:
            yield
        finally:
            self.remove(byte_size)

    @contextlib.asynccontextmanager
    async def waiting(self, byte_size: int) -> AsyncIterator[None]:
        """The same for a part of a stream, which waits for room before."""
        while not self._has_room(byte_size):
            future = asyncio.get_running_loop().create_future()
            self._waiting.append(future)
            await future
        with self.holding(byte_size):
            yield

    def _has_room(self, byte_size: int) -> bool:
        return self._byte_size == 0 or self._byte_size + byte_size <= self._limit


def _return_free_memory() -> None:
    with contextlib.suppress(AttributeError):  # Of other C libraries than glibc.
        ctypes.CDLL(None).malloc_trim(0)
