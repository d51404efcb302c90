"""One control endpoint: methods it allows, each with the function that turns its body into an exchange."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from triton_lite.errors import TritonError
from triton_lite.frontends.http import body as bodies
from triton_lite.frontends.http import replies
from triton_lite.frontends.http.control.exchange import Exchange, Reply
from triton_lite.frontends.http.front_end import FrontEnd
from triton_lite.frontends.link import Answer, raise_for
from triton_lite.proto import REGIONS_DENIED

# (body, fields of the path) -> exchange; raises TritonError for a body it cannot use. GET has no body: None.
Prepare = Callable[..., Exchange]


class ControlResource:
    """Relays a control request to the engine and its response back."""

    def __init__(
        self,
        front_end: FrontEnd,
        prepare: Mapping[str, Prepare],
        media_type: str = replies.JSON,
        first: Prepare | None = None,
        translate: Callable[[TritonError], TritonError] | None = None,
    ) -> None:
        """`prepare`: by HTTP method. `first`: an exchange whose error goes before that of an unusable body.

        `translate` turns an engine's error into what Triton's HTTP server says instead.
        """
        self._front_end = front_end
        self._prepare = prepare
        self._media_type = media_type
        self._first = first
        self._translate = translate

    def on_request(self, req: Any, resp: Any, **fields: str) -> None:
        """Answer any method (WSGI)."""
        prepare = self._prepare.get(req.method)
        if prepare is None:
            replies.method_not_allowed(resp, self._media_type)
            return
        link = self._front_end.link
        try:
            body = bytes(bodies.read(req, self._front_end)) if req.method == "POST" else None
            try:
                exchange = prepare(body, **fields)
            except TritonError:
                if self._first is not None:
                    first = self._first(None, **fields)
                    raise_for(link.call(first.method, first.message))
                raise
            self._finish(resp, exchange, link.call(self._method(req, exchange), exchange.message))
        except TritonError as error:
            self._refuse(resp, error)

    async def on_request_async(self, req: Any, resp: Any, **fields: str) -> None:
        """Answer any method (ASGI)."""
        prepare = self._prepare.get(req.method)
        if prepare is None:
            replies.method_not_allowed(resp, self._media_type)
            return
        bridge = self._front_end.bridge()
        try:
            body = bytes(await bodies.receive(req, self._front_end)) if req.method == "POST" else None
            try:
                exchange = prepare(body, **fields)
            except TritonError:
                if self._first is not None:
                    first = self._first(None, **fields)
                    raise_for(await bridge.call(first.method, first.message))
                raise
            self._finish(resp, exchange, await bridge.call(self._method(req, exchange), exchange.message))
        except TritonError as error:
            self._refuse(resp, error)

    def _method(self, req: Any, exchange: Exchange) -> int:
        return exchange.method | REGIONS_DENIED if self._front_end.denies_regions(req) else exchange.method

    def _finish(self, resp: Any, exchange: Exchange, answer: Answer) -> None:
        raise_for(answer)
        reply: Reply = exchange.reply(answer.message)
        resp.status = reply.status
        resp.content_type = self._media_type
        resp.data = reply.body

    def _refuse(self, resp: Any, error: TritonError) -> None:
        replies.refuse_error(resp, self._translate(error) if self._translate else error, self._media_type)
