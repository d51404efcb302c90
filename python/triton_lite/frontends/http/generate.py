"""The generate extension: plain JSON in and out, mapped to tensors by the engine."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import AsyncIterator, Iterator
from typing import TYPE_CHECKING, Any

from triton_lite.errors import Code, TritonError
from triton_lite.frontends.bridge import Stream
from triton_lite.frontends.http import body as bodies
from triton_lite.frontends.http import json_reader, replies
from triton_lite.frontends.http.call_metadata import call_metadata
from triton_lite.frontends.http.disconnect import RECEIVE
from triton_lite.frontends.http.front_end import FrontEnd
from triton_lite.frontends.http.headers import request_id, set_request_id
from triton_lite.frontends.http.replies import JSON
from triton_lite.frontends.http.tracing import TRACE
from triton_lite.frontends.link import Answer, Client, failed_in_model, raise_for
from triton_lite.proto import MethodNumber, messages

if TYPE_CHECKING:
    from typing_extensions import Buffer

_EVENTS = "text/event-stream; charset=utf-8"
# Whatever the model's error, this is what Triton answers here.
_FAILED_IN_MODEL = 400

_log = logging.getLogger("triton_lite.http")


class GenerateResource:
    """POST /v2/models/MODEL[/versions/VERSION]/generate: one answer."""

    def __init__(self, front_end: FrontEnd) -> None:
        self._front_end = front_end

    def on_request(self, req: Any, resp: Any, **fields: str) -> None:
        """Answer any method (WSGI)."""
        if req.method != "POST":
            replies.method_not_allowed(resp, JSON)
            return
        link = self._front_end.link
        model, version = fields["model"], fields.get("version", "")
        set_request_id(resp, request_id(req))
        try:
            if _is_coded(req):
                raise_for(link.call(MethodNumber.MODEL_EXISTS, _existence(model, version)))
                raise _coding_refused()
            body = bodies.read(req, self._front_end)
            metadata = call_metadata(self._front_end, req, body)
            answer = link.call(MethodNumber.GENERATE, _request(model, version), [body], *metadata)
            _take(req.env, answer)
            _raise_for_generate(answer)
        except TritonError as error:
            replies.refuse_error(resp, error, JSON)
            return
        resp.content_type = JSON
        resp.data = bytes(answer.segments[0])

    async def on_request_async(self, req: Any, resp: Any, **fields: str) -> None:
        """Answer any method (ASGI)."""
        if req.method != "POST":
            replies.method_not_allowed(resp, JSON)
            return
        model, version = fields["model"], fields.get("version", "")
        set_request_id(resp, request_id(req))
        try:
            body = await _receive(req, self._front_end, model, version)
            metadata = call_metadata(self._front_end, req, body)
            with self._front_end.watches.watch(req.scope.get(RECEIVE)):
                bridge = self._front_end.bridge()
                answer = await bridge.call(MethodNumber.GENERATE, _request(model, version), [body], *metadata)
            _take(req.scope, answer)
            _raise_for_generate(answer)
        except TritonError as error:
            replies.refuse_error(resp, error, JSON)
            return
        resp.content_type = JSON
        resp.data = bytes(answer.segments[0])


class GenerateStreamResource:
    """POST /v2/models/MODEL[/versions/VERSION]/generate_stream: answers as server-sent events."""

    def __init__(self, front_end: FrontEnd) -> None:
        self._front_end = front_end

    def on_request(self, req: Any, resp: Any, **fields: str) -> None:
        """Answer any method (WSGI)."""
        if req.method != "POST":
            replies.method_not_allowed(resp, JSON)
            return
        link = self._front_end.link
        model, version = fields["model"], fields.get("version", "")
        set_request_id(resp, request_id(req))
        try:
            if _is_coded(req):
                raise_for(link.call(MethodNumber.MODEL_EXISTS, _existence(model, version)))
                raise _coding_refused()
            body = bodies.read(req, self._front_end)
            metadata = call_metadata(self._front_end, req, body)
            client = link.client()
            call = client.send(MethodNumber.GENERATE_STREAM, _request(model, version), [body], *metadata)
            first = link.wait(client, call)
            _take(req.env, first)
            _start(resp, first)
        except TritonError as error:
            replies.refuse_error(resp, error, JSON)
            return
        resp.stream = self._events(req, client, call, first)

    async def on_request_async(self, req: Any, resp: Any, **fields: str) -> None:
        """Answer any method (ASGI)."""
        if req.method != "POST":
            replies.method_not_allowed(resp, JSON)
            return
        model, version = fields["model"], fields.get("version", "")
        set_request_id(resp, request_id(req))
        try:
            body = await _receive(req, self._front_end, model, version)
            metadata = call_metadata(self._front_end, req, body)
            bridge = self._front_end.bridge()
            stream = await bridge.stream(MethodNumber.GENERATE_STREAM, _request(model, version), [body], *metadata)
            with contextlib.ExitStack() as watching:
                # To the end of the events: of a client's connection one may only wait for the end once.
                watching.enter_context(self._front_end.watches.watch(req.scope.get(RECEIVE)))
                first = await anext(stream)
                _take(req.scope, first)
                _start(resp, first)
                resp.stream = _events_async(watching.pop_all(), req, stream, first)
        except TritonError as error:
            replies.refuse_error(resp, error, JSON)

    def _events(self, req: Any, client: Client, call: int, answer: Answer) -> Iterator[bytes]:
        last = answer.last
        try:
            yield _event(answer)
            while not last:
                answer.acknowledge()
                answer = self._front_end.link.wait(client, call)
                last = answer.last
                _take(req.env, answer)
                yield _event(answer)
        except TritonError as error:  # Too late for a status: the engine went away.
            about = {"request_id": request_id(req)}
            _log.error("a stream of events ended early: %s", error.text, extra=about)
        finally:
            if not last:
                client.cancel(call)


async def _events_async(
    watching: contextlib.ExitStack, req: Any, stream: Stream, answer: Answer
) -> AsyncIterator[bytes]:
    try:
        with watching:
            yield _event(answer)
            if not answer.last:
                answer.acknowledge()
                async for answer in stream:
                    _take(req.scope, answer)
                    yield _event(answer)
                    answer.acknowledge()
    finally:
        stream.cancel()


def _event(answer: Answer) -> bytes:
    """One event; nothing for a last answer that carries no response."""
    if answer.code:
        return b"data: " + json_reader.write({"error": answer.text}) + b"\n\n"
    if not answer.segments:
        return b""
    return b"data: " + bytes(answer.segments[0]) + b"\n\n"


def _raise_for_generate(answer: Answer) -> None:
    if failed_in_model(answer):
        raise TritonError(Code.INVALID_ARGUMENT, answer.text)
    raise_for(answer)


def _start(resp: Any, first: Answer) -> None:
    """Set status and type by the first answer. Raises an error of before the model."""
    if not failed_in_model(first):
        raise_for(first)
    resp.status = _FAILED_IN_MODEL if first.code else 200
    resp.content_type = _EVENTS


async def _receive(req: Any, front_end: FrontEnd, model: str, version: str) -> Buffer:
    if _is_coded(req):
        raise_for(await front_end.bridge().call(MethodNumber.MODEL_EXISTS, _existence(model, version)))
        raise _coding_refused()
    return await bodies.receive(req, front_end)


def _is_coded(req: Any) -> bool:
    return (req.get_header("Content-Encoding") or "identity") != "identity"


def _coding_refused() -> TritonError:
    return TritonError(Code.INVALID_ARGUMENT, "Unsupported content-encoding, only 'identity' is supported.")


def _take(holder: dict[str, Any], answer: Answer) -> None:
    trace = holder.get(TRACE)
    if trace is not None:
        trace.take(answer)


def _request(model: str, version: str) -> bytes:
    return messages.ModelInferRequest(model_name=model, model_version=version).SerializeToString()


def _existence(model: str, version: str) -> bytes:
    return messages.ModelReadyRequest(name=model, version=version).SerializeToString()
