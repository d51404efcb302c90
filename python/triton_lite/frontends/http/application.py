"""The application: one callable for WSGI and ASGI servers alike, over the same resources."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from typing import Any
from urllib.parse import urlsplit

import falcon
import falcon.asgi

from triton_lite import logs
from triton_lite.frontends.http import replies
from triton_lite.frontends.http.disconnect import RECEIVE, whole
from triton_lite.frontends.http.fast_infer import FastInfer
from triton_lite.frontends.http.front_end import FrontEnd
from triton_lite.frontends.http.keep_alive import hold_next_request
from triton_lite.frontends.http.lingering import LINGER, linger
from triton_lite.frontends.http.router import Router
from triton_lite.frontends.http.routes import routes
from triton_lite.frontends.http.tracing import SINCE, TracedBody, begin_asgi, begin_wsgi, serve_traced
from triton_lite.frontends.http.verbose import log_request

_log = logging.getLogger("triton_lite.http")


class Application:
    """Called with (environ, start_response) it is a WSGI application, with (scope, receive, send) an ASGI one.

    Making it starts nothing and reads no environment: gunicorn may import it in its master (`--preload`).
    """

    def __init__(self, front_end: FrontEnd | None = None) -> None:
        self._front_end = front_end or FrontEnd()
        self._warned = False
        self._fast_infer = FastInfer(self._front_end)
        resources = routes(self._front_end)
        self._wsgi = _configured(falcon.App(router=Router(replies.NotFound(), asynchronous=False)))  # type: ignore[call-overload]
        self._asgi = _configured(falcon.asgi.App(router=Router(replies.NotFound(), asynchronous=True)))  # type: ignore[call-overload]
        for template, resource in resources:
            self._wsgi.add_route(template, resource)
            self._asgi.add_route(template, resource)
        self._wsgi.add_error_handler(Exception, replies.on_failure)
        self._asgi.add_error_handler(Exception, replies.on_failure_async)

    def __call__(self, *arguments: Any) -> Any:
        """Serve one request, or an ASGI server's lifespan."""
        if len(arguments) == 2:
            return self._call_wsgi(*arguments)
        return self._call_asgi(*arguments)

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
        await self._serve_by_falcon(scope, receive, send)

    async def _serve_by_falcon(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        if scope["type"] == "http":
            send = _ending(scope, scope[RECEIVE], send)
        await self._asgi(scope, receive, send)


def _ending(scope: dict[str, Any], receive: Any, send: Any) -> Any:
    """Send as `send` does, with what has to happen about the end of an answer."""

    async def send_or_end(event: dict[str, Any]) -> None:
        if event["type"] == "http.response.body" and not event.get("more_body"):
            if scope.get(LINGER):
                await send({**event, "more_body": True})
                await linger(receive)
                event = {"type": "http.response.body"}
            else:
                hold_next_request(receive)
        await send(event)

    return send_or_end


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
