"""Clients that hang up: within their body, or while their request runs, which is then given up as Triton does."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import Any

from triton_lite.errors import Code, TritonError

Receive = Callable[[], Awaitable[dict[str, Any]]]

# Where the application leaves the server's `receive` for us (Falcon hands it on to nobody).
RECEIVE = "triton_lite.receive"
# Watching costs a task; most requests are over long before it would be of use.
_PATIENCE_SECONDS = 0.02


def cut_short() -> TritonError:
    """Make the error of a body that ended before its end: what came of it must not count as the whole."""
    return TritonError(Code.INVALID_ARGUMENT, "the request body did not arrive as a whole")


def whole(receive: Receive) -> Receive:
    """Receive as `receive` does, but raise `cut_short` where a body ends before its end.

    Falcon takes such a body for a whole one, and a server may end one that only came too slowly.
    """
    begun = ended = False

    async def checked() -> dict[str, Any]:
        nonlocal begun, ended
        event = await receive()
        if event["type"] == "http.request":
            begun, ended = True, ended or not event.get("more_body")
        elif begun and not ended:
            raise cut_short()
        return event

    return checked


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
