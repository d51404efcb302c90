"""The application: one callable for WSGI and ASGI servers alike, over the same resources."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Iterable
from typing import Any
from urllib.parse import urlsplit

import falcon
import falcon.asgi

from triton_lite import logs
from triton_lite.frontends.http import replies
from triton_lite.frontends.http.disconnect import RECEIVE, whole
from triton_lite.frontends.http.ending import serve_lifespan
from triton_lite.frontends.http.fast_infer import FastInfer
from triton_lite.frontends.http.front_end import FrontEnd
from triton_lite.frontends.http.guarded import GuardedFastInfer, GuardedResource
from triton_lite.frontends.http.keep_alive import hold_next_request
from triton_lite.frontends.http.lane import InferLane
from triton_lite.frontends.http.lingering import LINGER, linger
from triton_lite.frontends.http.recycling import CLOSE, Recycling
from triton_lite.frontends.http.router import Router
from triton_lite.frontends.http.routes import routes
from triton_lite.frontends.http.tracing import SINCE, TracedBody, begin_asgi, begin_wsgi, serve_traced
from triton_lite.frontends.http.verbose import log_request
from triton_lite.frontends.unread import COUNTED_BYTE_SIZE
from triton_lite.guard.guard import Guard

_log = logging.getLogger("triton_lite.http")


class Application:
    """Called with (environ, start_response) it is a WSGI application, with (scope, receive, send) an ASGI one.

    Making it starts nothing and reads no environment; `prepare` does that, at the latest with the first request.

    lane: where connections can bring usual inference requests without asking anybody, None if they may not.
    """

    lane: InferLane | None = None

    def __init__(self, front_end: FrontEnd | None = None) -> None:
        self._front_end = front_end or FrontEnd()
        self._warned = False
        self._fast_infer = FastInfer(self._front_end)
        # What serves requests: put in its place by `prepare`, so that no request asks which rules there are.
        self._serve_wsgi: Callable[..., Iterable[bytes]] = self._first_wsgi
        self._serve_asgi: Callable[..., Awaitable[None]] = self._first_asgi

    def prepare(self) -> None:
        """Read the options. Raises OptionError; starts nothing, so that gunicorn may do it in its master."""
        options = self._front_end.options
        guard = options.guard
        if options.header_forward_pattern is not None:
            from triton_lite.frontends.http.raw_headers import keep_heads

            keep_heads()
        self._wsgi, self._asgi = _falcon_apps(self._front_end, guard)
        self._serve_wsgi, self._serve_asgi = self._call_wsgi, self._call_asgi
        self.lane = InferLane(self._front_end) if options.plain else None
        if guard is not None:
            self._fast_infer = GuardedFastInfer(self._front_end, guard)
        if options.cors_origins:
            from triton_lite.frontends.http.cors import Cors

            cors = Cors(options.cors_origins)
            self._serve_wsgi, self._serve_asgi = cors.wsgi(self._serve_wsgi), cors.asgi(self._serve_asgi)

    def __call__(self, *arguments: Any) -> Any:
        """Serve one request, or an ASGI server's lifespan."""
        if len(arguments) == 2:
            return self._serve_wsgi(*arguments)
        return self._serve_asgi(*arguments)

    def _first_wsgi(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        self.prepare()
        return self._serve_wsgi(environ, start_response)

    async def _first_asgi(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        self.prepare()
        await self._serve_asgi(scope, receive, send)

    def _call_wsgi(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        if not self._warned:
            self._warned = True
            _warn_of_sync_worker(environ)
        if logs.verbose():
            log_request(environ["REQUEST_METHOD"], environ.get("PATH_INFO", ""))
        raw_uri = environ.get("RAW_URI") or environ.get("REQUEST_URI") or ""
        if "%" in raw_uri:  # Names are taken as they stand, not decoded.
            environ["PATH_INFO"] = urlsplit(raw_uri).path
        if environ["REQUEST_METHOD"] == "POST" and self._front_end.link.tracing:
            trace = begin_wsgi(environ)
            return TracedBody(self._front_end, trace, self._wsgi(environ, start_response))
        body: Iterable[bytes] = self._wsgi(environ, start_response)
        return body

    async def _call_asgi(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        if scope["type"] == "http":
            if logs.verbose():
                log_request(scope["method"], scope["path"])
            scope[RECEIVE] = receive
            self._front_end.recycling.follow(receive)
            if scope["method"] == "POST":
                if tracing := self._front_end.bridge().tracing:
                    begin_asgi(scope, tracing)
                handed_on = await self._fast_infer.serve(scope, receive, send)
                if handed_on is None:
                    return
                receive = whole(handed_on)
            raw_path = scope.get("raw_path")
            if raw_path and b"%" in raw_path:
                scope["path"] = raw_path.partition(b"?")[0].decode("latin-1")
            if SINCE in scope:
                return await serve_traced(self._front_end, scope, receive, send, self._serve_by_falcon)
        elif scope["type"] == "lifespan":
            return await serve_lifespan(self._front_end, receive, send)
        await self._serve_by_falcon(scope, receive, send)

    async def _serve_by_falcon(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        if scope["type"] == "http":
            send = _ending(scope, scope[RECEIVE], _counted(send, self._front_end), self._front_end.recycling)
        await self._asgi(scope, receive, send)


def _counted(send: Any, front_end: FrontEnd) -> Any:
    """Send as `send` does, and count what the client has to read first."""

    async def send_and_count(event: dict[str, Any]) -> None:
        byte_size = len(event.get("body", b""))
        if byte_size < COUNTED_BYTE_SIZE:
            await send(event)
            return
        async with front_end.unread.waiting(byte_size):
            await send(event)

    return send_and_count


def _ending(scope: dict[str, Any], receive: Any, send: Any, recycling: Recycling) -> Any:
    """Send as `send` does, with what has to happen about the end of an answer."""

    async def send_or_end(event: dict[str, Any]) -> None:
        if event["type"] == "http.response.start" and recycling.closing:
            event = {**event, "headers": [*event.get("headers", ()), CLOSE]}
        if event["type"] == "http.response.body" and not event.get("more_body"):
            if scope.get(LINGER):
                await send({**event, "more_body": True})
                await linger(receive)
                event = {"type": "http.response.body"}
            else:
                hold_next_request(receive)
        await send(event)

    return send_or_end


def _falcon_apps(front_end: FrontEnd, guard: Guard | None) -> tuple[Any, Any]:
    """Make the WSGI and the ASGI application, with the same resources, behind `guard` if there is one."""
    wsgi = _configured(falcon.App(router=Router(replies.NotFound(), asynchronous=False)))  # type: ignore[call-overload]
    asgi = _configured(falcon.asgi.App(router=Router(replies.NotFound(), asynchronous=True)))  # type: ignore[call-overload]
    for template, group, resource in routes(front_end):
        served = resource if guard is None else GuardedResource(guard, group, resource)
        wsgi.add_route(template, served)
        asgi.add_route(template, served)
    wsgi.add_error_handler(Exception, replies.on_failure)
    asgi.add_error_handler(Exception, replies.on_failure_async)
    return wsgi, asgi


def _configured(app: Any) -> Any:
    app.resp_options.default_media_type = replies.TEXT
    app.set_error_serializer(replies.serialize_http_error)
    return app


def _warn_of_sync_worker(environ: dict[str, Any]) -> None:
    if str(environ.get("SERVER_SOFTWARE", "")).startswith("gunicorn") and not environ.get("wsgi.multithread"):
        _log.warning(
            "gunicorn's sync worker answers one request at a time, and one that takes longer than --timeout "
            "(30 s unless set) ends the worker: use `-k asgi`, or raise --timeout"
        )
