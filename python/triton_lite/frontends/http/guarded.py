"""HTTP behind the server's rules: resources that ask them first, and inference without Falcon that does."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from triton_lite.frontends.http import body as bodies
from triton_lite.frontends.http import replies
from triton_lite.frontends.http.fast_infer import FastInfer, Receive, Send, is_infer
from triton_lite.frontends.http.front_end import FrontEnd
from triton_lite.frontends.http.router import Resource
from triton_lite.guard.groups import INFERENCE
from triton_lite.guard.guard import Guard
from triton_lite.guard.refused import Refused

# Key of a scope for the group whose rules have let its request in already.
_ADMITTED = "triton_lite.admitted"


class GuardedResource:
    """A resource whose requests must pass the guard before anything of them is used.

    The guard stands behind the router, so that whatever reaches a resource was asked for its group.
    """

    def __init__(self, guard: Guard, group: str, resource: Resource) -> None:
        self._guard = guard
        self._group = group
        self._resource = resource

    def on_request(self, req: Any, resp: Any, **fields: Any) -> None:
        """Answer a WSGI request."""
        try:
            self._guard.admit(self._group, req.get_header, _port_of_wsgi(req.env))
        except Refused as refusal:
            bodies.discard(req)
            _refuse(resp, refusal)
            return
        self._resource.on_request(req, resp, **fields)

    async def on_request_async(self, req: Any, resp: Any, **fields: Any) -> None:
        """Answer an ASGI request."""
        if req.scope.get(_ADMITTED) != self._group:
            try:
                self._guard.admit(self._group, req.get_header, _port_of_asgi(req.scope))
            except Refused as refusal:
                await bodies.discard_async(req)
                _refuse(resp, refusal)
                return
        await self._resource.on_request_async(req, resp, **fields)


class GuardedFastInfer(FastInfer):
    """Inference without Falcon: what is refused is left to Falcon, which answers in the same way as elsewhere."""

    def __init__(self, front_end: FrontEnd, guard: Guard) -> None:
        super().__init__(front_end)
        self._guard = guard

    async def serve(self, scope: dict[str, Any], receive: Receive, send: Send) -> Receive | None:
        """Serve a request that the guard lets in, or hand it on."""
        if not is_infer(scope):
            return receive
        scope["headers"] = [tuple(header) for header in scope["headers"]]
        try:
            self._guard.admit(INFERENCE, _header_of(scope), _port_of_asgi(scope))
        except Refused:
            return receive
        scope[_ADMITTED] = INFERENCE
        return await super().serve(scope, receive, send)


def _refuse(resp: Any, refusal: Refused) -> None:
    replies.refuse(resp, refusal.http_status, refusal.text, replies.TEXT)
    resp.set_headers({name: value for name, value in refusal.headers.items() if not name.startswith("grpc-")})


def _header_of(scope: dict[str, Any]) -> Callable[[str], str | None]:
    def header(name: str) -> str | None:
        wanted = name.encode("latin-1")
        for given, value in scope["headers"]:
            if given == wanted:
                return str(value, "latin-1")
        return None

    return header


def _port_of_asgi(scope: dict[str, Any]) -> int | None:
    server = scope.get("server")
    return server[1] if server else None


def _port_of_wsgi(environ: dict[str, Any]) -> int | None:
    """The port that a request came in at: by the socket where that is known, since a header may name any."""
    sock = environ.get("gunicorn.socket")
    if sock is not None:
        name = sock.getsockname()
        return name[1] if isinstance(name, tuple) else None
    port = environ.get("SERVER_PORT", "")
    return int(port) if str(port).isdigit() else None
