"""Inference over ASGI without Falcon in between, for the requests that need nothing of it.

Measured on 2 cores: Falcon's request and response objects, its body stream and routing take as long as decoding,
sending and encoding together. Everything unusual (codings, chunked or too large bodies) goes the ordinary way, as does
every other path.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import TYPE_CHECKING, Any

from triton_lite.errors import TritonError
from triton_lite.frontends.access import ID_HEADER, about_asgi
from triton_lite.frontends.http import body as bodies
from triton_lite.frontends.http.disconnect import cut_short
from triton_lite.frontends.http.front_end import FrontEnd
from triton_lite.frontends.http.infer import decode
from triton_lite.frontends.http.keep_alive import hold_next_request
from triton_lite.frontends.http.recycling import CLOSE
from triton_lite.frontends.http.refusal import content_length, refusal_of, with_id
from triton_lite.frontends.http.tracing import CONTEXT, SINCE, report_sent
from triton_lite.frontends.link import failed_in_model, raise_for
from triton_lite.frontends.peers import client_of, is_local_asgi
from triton_lite.frontends.tracing import traced, with_context
from triton_lite.frontends.unread import COUNTED_BYTE_SIZE

if TYPE_CHECKING:
    from typing_extensions import Buffer

    from triton_lite.frontends.tracing import FrontTrace

Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]

_PATH = re.compile(rb"/v2/models/([^/]+)(?:/versions/([0-9]+))?/infer")
# More digits are no length of a body that comes here, and Python refuses to read very many.
_LENGTH_DIGITS = 18
_ID_HEADER = ID_HEADER.encode()
_JSON_TYPE = (b"content-type", b"application/json")
_BINARY_TYPE = (b"content-type", b"application/octet-stream")


class FastInfer:
    """Serves POST …/infer, or hands the request on."""

    def __init__(self, front_end: FrontEnd) -> None:
        self._front_end = front_end

    async def serve(self, scope: dict[str, Any], receive: Receive, send: Send) -> Receive | None:
        """Serve a request; None when that is done, else what Falcon shall receive the request from."""
        path = _PATH.fullmatch(scope.get("raw_path") or b"")
        options = self._front_end.options
        if path is None or options.header_forward_pattern is not None:
            return receive
        byte_size, header_length, request_id = _usual(_headers(scope))
        if not 0 <= byte_size <= options.max_input_size:
            return receive
        model = path[1].decode("latin-1")
        version = path[2].decode() if path[2] else ""
        in_model = False
        since = scope.get(SINCE, 0)
        said = b""
        trace = None
        try:
            body = await self._receive(receive, byte_size)
            call = decode(self._front_end, model, version, body, header_length)
            if options.access_log:
                said = about_asgi(client_of(scope), byte_size, request_id)
            if since:
                said = _said_with_context(said, scope)
            if options.regions_by_peer and not is_local_asgi(scope):
                call.deny_regions()
            request_id = call.header_id or request_id
            with self._front_end.watches.watch(receive):
                answer = await self._front_end.bridge().call_http(call, since, said)
            if since:
                trace = traced(answer)
            if answer.code:
                in_model = failed_in_model(answer)
                raise_for(answer)
            encoded, json_byte_size = self._front_end.codec.encode_http_infer(answer, call)
            self._front_end.unread.check(len(encoded))
        except TritonError as error:
            refusal = await refusal_of(self._front_end, model, version, error, in_model)
            await self._send(trace, receive, send, refusal.status, refusal.headers(request_id), refusal.data)
            return None
        # What they hold of the engine's memory goes back: a client may take long to read.
        del answer, call, body
        headers = [*with_id(_content_headers(json_byte_size), request_id), content_length(encoded)]
        if len(encoded) < COUNTED_BYTE_SIZE:
            await self._send(trace, receive, send, 200, headers, encoded)
        else:
            with self._front_end.unread.holding(len(encoded)):
                await self._send(trace, receive, send, 200, headers, encoded)
        return None

    async def _send(
        self,
        trace: FrontTrace | None,
        receive: Receive,
        send: Send,
        status: int,
        headers: list[tuple[bytes, bytes]],
        body: bytes,
    ) -> None:
        if self._front_end.recycling.closing:
            headers.append(CLOSE)
        if trace is not None:
            trace.begin_send()
        try:
            await send({"type": "http.response.start", "status": status, "headers": headers})
            hold_next_request(receive)
            await send({"type": "http.response.body", "body": body})
        finally:
            if trace is not None:
                report_sent(self._front_end, trace)

    async def _receive(self, receive: Receive, byte_size: int) -> Buffer:
        event = await receive()
        if event["type"] == "http.request" and not event.get("more_body"):
            body: bytes = event.get("body", b"")
            return body
        return await bodies.collect(_pieces(event, receive), byte_size, self._front_end)


def is_infer(scope: dict[str, Any]) -> bool:
    """Tell whether a request asks for inference."""
    return _PATH.fullmatch(scope.get("raw_path") or b"") is not None


def _headers(scope: dict[str, Any]) -> list[tuple[bytes, bytes]]:
    headers: Any = scope["headers"]
    if type(headers) is not list or (headers and type(headers[0]) is not tuple):
        # ASGI allows iterables of iterables, which can be looked through only once; Falcon comes after us.
        headers = scope["headers"] = [tuple(header) for header in headers]
    found: list[tuple[bytes, bytes]] = headers
    return found


def _usual(headers: list[tuple[bytes, bytes]]) -> tuple[int, str | None, bytes]:
    """Return a body's byte size, the Inference-Header-Content-Length, and the x-request-id.

    A byte size of -1: the request is none for here.
    """
    byte_size, header_length, request_id = -1, None, b""
    for name, value in headers:
        if name == b"content-length":
            byte_size = int(value) if value.isdigit() and len(value) <= _LENGTH_DIGITS else -1
        elif name == b"inference-header-content-length":
            header_length = value.decode("latin-1")
        elif name == _ID_HEADER:
            request_id = value
        elif name in (b"content-encoding", b"accept-encoding", b"transfer-encoding"):
            return -1, None, b""
    return byte_size, header_length, request_id


def _said_with_context(said: bytes, scope: dict[str, Any]) -> bytes:
    """Add the client's trace context, if it came, to what is said about a request."""
    return with_context(said, *scope[CONTEXT]) if CONTEXT in scope else said


def _content_headers(json_byte_size: int | None) -> list[tuple[bytes, bytes]]:
    """Headers that say what an answer's body is. json_byte_size: of its JSON part, None without a binary one."""
    if json_byte_size is None:
        return [_JSON_TYPE]
    return [_BINARY_TYPE, (b"inference-header-content-length", b"%d" % json_byte_size)]


async def _pieces(event: dict[str, Any], receive: Receive) -> AsyncIterator[Buffer]:
    """Yield a body that begins with `event`. Raises TritonError when the client hangs up before its end."""
    while event["type"] == "http.request":
        yield event.get("body", b"")
        if not event.get("more_body"):
            return
        event = await receive()
    raise cut_short()
