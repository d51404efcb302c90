"""Clients that hang up while their request runs: the request is given up, as Triton does."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import Any

Receive = Callable[[], Awaitable[dict[str, Any]]]

# Where the application leaves the server's `receive` for us (Falcon hands it on to nobody).
RECEIVE = "triton_lite.receive"
# Watching costs a task; most requests are over long before it would be of use.
_PATIENCE_SECONDS = 0.02


class Watch:
    """`with Watch(receive):` cancels the current task when the client hangs up.

    receive: the ASGI server's, after it gave the whole body; None watches nothing.
    """

    __slots__ = ("_receive", "_task", "_timer", "_watcher")

    def __init__(self, receive: Receive | None) -> None:
        self._receive = receive
        self._task: asyncio.Task[Any] | None = None
        self._watcher: asyncio.Task[None] | None = None
        self._timer: asyncio.TimerHandle | None = None

    def __enter__(self) -> Watch:
        if self._receive is not None:
            self._task = asyncio.current_task()
            self._timer = asyncio.get_running_loop().call_later(_PATIENCE_SECONDS, self._start)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._timer is not None:
            self._timer.cancel()
        if self._watcher is not None:
            self._watcher.cancel()

    def _start(self) -> None:
        self._watcher = asyncio.get_running_loop().create_task(self._watch())

    async def _watch(self) -> None:
        if self._receive is None or self._task is None:
            return
        while (await self._receive())["type"] != "http.disconnect":
            pass
        self._task.cancel()
