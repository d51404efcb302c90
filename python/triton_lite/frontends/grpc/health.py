"""grpc.health.v1.Health, answered from the server's readiness. Like Triton, it asks for no particular service."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from triton_lite.errors import TritonError
from triton_lite.frontends.bridge import Bridge
from triton_lite.frontends.grpc import wire
from triton_lite.frontends.grpc.statuses import abort
from triton_lite.frontends.link import raise_for
from triton_lite.proto import MethodNumber

SERVICE = "grpc.health.v1.Health"
_UNKNOWN, _SERVING, _NOT_SERVING = 0, 1, 2
_WATCH_INTERVAL_SECONDS = 0.2


class Health:
    """The two methods of the service."""

    def __init__(
        self,
        bridge: Callable[[], Bridge],
        draining: Callable[[], bool] = lambda: False,
        ending: Callable[[], bool] = lambda: False,
    ) -> None:
        """draining: whether this process is about to end, whatever the engine says; ending: and waits for its calls."""
        self._bridge = bridge
        self._draining = draining
        self._ending = ending

    async def check(self, request: bytes, context: Any) -> bytes:
        """Answer HealthCheckResponse: SERVING if the server is ready."""
        try:
            return _response(await self._status())
        except TritonError as error:
            await abort(context, error)

    async def watch(self, request: bytes, context: Any) -> None:
        """Send the status, and again whenever it changes. Ends with the client or the server."""
        known = None
        while not self._ending():
            try:
                status = await self._status()
            except TritonError:
                status = _UNKNOWN
            if status != known:
                await context.write(_response(status))
                known = status
            await asyncio.sleep(_WATCH_INTERVAL_SECONDS)

    async def _status(self) -> int:
        answer = await self._bridge().call(MethodNumber.SERVER_READY, b"")
        raise_for(answer)
        ready = not self._draining() and any(number == 1 and value for number, value in wire.fields(answer.message))
        return _SERVING if ready else _NOT_SERVING


def _response(status: int) -> bytes:
    return wire.number_field(1, status) if status else b""
