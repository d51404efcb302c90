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
# Watching costs a task; most requests are over long before it would be of use. It begins after one to two of these.
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


class Watches:
    """Watches the clients of requests that take long, all with one timer (one for each request costs as much as
    decoding it). Used from one thread; one event loop at a time.
    """

    def __init__(self) -> None:
        self._entered: dict[Watch, int] = {}  # With the number of the round that they came in.
        self._round = 0
        self._loop: asyncio.AbstractEventLoop | None = None
        self._timer: asyncio.TimerHandle | None = None

    def watch(self, receive: Receive | None) -> Watch:
        """`with watches.watch(receive):` cancels the current task when the client hangs up.

        receive: the ASGI server's, after it gave the whole body; None watches nothing.
        """
        return Watch(self, receive)

    def enter(self, watch: Watch) -> None:
        """Begin to count a watch's time."""
        loop = asyncio.get_running_loop()
        if loop is not self._loop:
            self._loop, self._timer = loop, None
            self._entered.clear()
        self._entered[watch] = self._round
        if self._timer is None:
            self._timer = loop.call_later(_PATIENCE_SECONDS, self._end_round)

    def leave(self, watch: Watch) -> None:
        """Forget a watch."""
        self._entered.pop(watch, None)

    def _end_round(self) -> None:
        patient = [watch for watch, entered in self._entered.items() if entered < self._round]
        for watch in patient:
            del self._entered[watch]
            watch.start()
        self._round += 1
        self._timer = (
            self._loop.call_later(_PATIENCE_SECONDS, self._end_round) if self._loop and self._entered else None
        )


class Watch:
    """One request's; see Watches.watch."""

    __slots__ = ("_receive", "_task", "_watcher", "_watches")

    def __init__(self, watches: Watches, receive: Receive | None) -> None:
        self._watches = watches
        self._receive = receive
        self._task: asyncio.Task[Any] | None = None
        self._watcher: asyncio.Task[None] | None = None

    def __enter__(self) -> Watch:
        if self._receive is not None:
            self._task = asyncio.current_task()
            self._watches.enter(self)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._watches.leave(self)
        if self._watcher is not None:
            self._watcher.cancel()

    def start(self) -> None:
        """Wait for the client to hang up, in a task."""
        self._watcher = asyncio.get_running_loop().create_task(self._watch())

    async def _watch(self) -> None:
        if self._receive is None or self._task is None:
            return
        while (await self._receive())["type"] != "http.disconnect":
            pass
        self._task.cancel()
