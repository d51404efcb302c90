"""gRPC behind the server's rules: handlers that ask them before anything of a call is used."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from triton_lite.frontends.grpc.statuses import abort
from triton_lite.guard.guard import Guard
from triton_lite.guard.refused import Refused

# A handler of any kind: the request or the requests, and the context; streams write to the context.
Serve = Callable[[Any, Any], Awaitable[Any]]
_PUSHBACK = "grpc-retry-pushback-ms"


class GuardedPort:
    """The rules as they apply to the calls that come in at one port."""

    def __init__(self, guard: Guard, port: int | None) -> None:
        """`port`: that of the admin address, None for the other one."""
        self._guard = guard
        self._port = port

    def handler(self, group: str, serve: Serve, count: bool = True) -> Serve:
        """Put the rules of a group before a handler. count: whether the call itself counts for its key's rate."""

        async def handle(request: Any, context: Any) -> Any:
            try:
                self._guard.admit(group, _header_of(context), self._port, count)
            except Refused as refusal:
                if _PUSHBACK in refusal.headers:
                    context.set_trailing_metadata(((_PUSHBACK, refusal.headers[_PUSHBACK]),))
                await abort(context, refusal)
            return await serve(request, context)

        return handle

    def admit_message(self, group: str, context: Any) -> None:
        """Let one of a stream's messages in, or raise Refused: the keys may have changed since the stream began."""
        self._guard.admit(group, _header_of(context), self._port)


def _header_of(context: Any) -> Callable[[str], str | None]:
    def header(name: str) -> str | None:
        for given, value in context.invocation_metadata() or ():
            if given == name:
                return value if isinstance(value, str) else value.decode("latin-1")
        return None

    return header
