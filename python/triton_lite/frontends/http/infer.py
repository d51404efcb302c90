"""Inference over HTTP: JSON with an optional binary tail, translated by the native codec."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from triton_lite.errors import Code, TritonError
from triton_lite.frontends.http import body as bodies
from triton_lite.frontends.http import compression, replies
from triton_lite.frontends.http.call_metadata import call_metadata
from triton_lite.frontends.http.disconnect import RECEIVE
from triton_lite.frontends.http.front_end import FrontEnd
from triton_lite.frontends.http.headers import forwarded, request_id, set_request_id
from triton_lite.frontends.http.replies import JSON, TEXT, HeadersRefused
from triton_lite.frontends.http.tracing import TRACE
from triton_lite.frontends.link import Answer, failed_in_model, raise_for
from triton_lite.proto import MethodNumber, messages

if TYPE_CHECKING:
    from collections.abc import Sequence

    from typing_extensions import Buffer

_HEADER_LENGTH = "Inference-Header-Content-Length"
_LEADING_INTEGER = re.compile(r"\s*([-+]?[0-9]+)")
# Above this a body is inflated or compressed on a thread, not on the event loop.
_OFF_LOOP_BYTE_SIZE = 1 << 16


class InferResource:
    """POST /v2/models/MODEL[/versions/VERSION]/infer."""

    def __init__(self, front_end: FrontEnd) -> None:
        self._front_end = front_end

    def on_request(self, req: Any, resp: Any, **fields: str) -> None:
        """Answer any method (WSGI)."""
        if req.method != "POST":
            replies.method_not_allowed(resp, TEXT)
            return
        front_end, model, version = self._front_end, fields["model"], fields.get("version", "")
        in_model = False
        set_request_id(resp, request_id(req))
        try:
            coded = compression.is_compressed(req.get_header("Content-Encoding"))
            body = bodies.read(req, front_end, in_place=not coded)
            if coded:
                body = compression.inflate(body, front_end.options.max_input_size)
            trace = req.env.get(TRACE)
            call = self._decode(req, resp, body, model, version)
            client = front_end.link.client()
            answer = front_end.link.wait(client, client.send_http(call, *call_metadata(front_end, req, body)))
            if trace is not None:
                trace.take(answer)
            in_model = failed_in_model(answer)
            raise_for(answer)
        except TritonError as error:
            self._refuse(resp, model, version, error, in_model)
            return
        encoded, coding = self._encode(req, resp, answer, call)
        resp.data = compression.deflate(encoded, coding) if coding else encoded

    async def on_request_async(self, req: Any, resp: Any, **fields: str) -> None:
        """Answer any method (ASGI)."""
        if req.method != "POST":
            replies.method_not_allowed(resp, TEXT)
            return
        front_end, model, version = self._front_end, fields["model"], fields.get("version", "")
        bridge = front_end.bridge()
        in_model = False
        set_request_id(resp, request_id(req))
        try:
            coded = compression.is_compressed(req.get_header("Content-Encoding"))
            body = await bodies.receive(req, front_end, in_place=not coded)
            if coded:
                body = await self._off_loop(compression.inflate, body, front_end.options.max_input_size)
            trace = req.scope.get(TRACE)
            call = self._decode(req, resp, body, model, version)
            with front_end.watches.watch(req.scope.get(RECEIVE)):
                answer = await bridge.call_http(call, *call_metadata(front_end, req, body))
            if trace is not None:
                trace.take(answer)
            in_model = failed_in_model(answer)
            raise_for(answer)
            front_end.unread.check(sum(memoryview(segment).nbytes for segment in answer.segments))
        except TritonError as error:
            await refuse_async(front_end, resp, model, version, error, in_model)
            return
        encoded, coding = self._encode(req, resp, answer, call)
        resp.data = await self._off_loop(compression.deflate, encoded, coding) if coding else encoded

    def _decode(self, req: Any, resp: Any, body: Buffer, model: str, version: str) -> Any:
        options = self._front_end.options
        headers = forwarded(req, options.header_forward_pattern)
        call = decode(self._front_end, model, version, body, req.get_header(_HEADER_LENGTH), headers)
        if self._front_end.denies_regions(req):
            call.deny_regions()
        set_request_id(resp, call.header_id.decode())
        return call

    def _encode(self, req: Any, resp: Any, answer: Answer, call: Any) -> tuple[bytes, str | None]:
        """Set the headers of an answer; returns its body and the coding to send it in."""
        encoded, json_byte_size = self._front_end.codec.encode_http_infer(answer, call)
        if json_byte_size is None:
            resp.content_type = JSON
        else:
            resp.content_type = "application/octet-stream"
            resp.set_header(_HEADER_LENGTH, str(json_byte_size))
        coding = compression.accepted_coding(req.get_header("Accept-Encoding"))
        if coding is not None:
            resp.set_header("Content-Encoding", coding)
        return encoded, coding

    async def _off_loop(self, work: Any, data: Any, argument: Any) -> Any:
        if len(data) < _OFF_LOOP_BYTE_SIZE and work is not compression.inflate:
            return work(data, argument)
        return await self._front_end.bridge().loop.run_in_executor(None, work, data, argument)

    # Triton looks for the model before it looks at the body: if it is unknown or decoupled, that is the error.

    def _refuse(self, resp: Any, model: str, version: str, error: TritonError, in_model: bool) -> None:
        media_type = _media_type(error, in_model)
        if _may_be_for_no_infer(error, in_model):
            try:
                raise_for(self._front_end.link.call(MethodNumber.MODEL_TAKES_INFER, _model_message(model, version)))
            except TritonError as sooner:
                error, media_type = sooner, TEXT
        replies.refuse_error(resp, error, media_type)


def decode(
    front_end: FrontEnd,
    model: str,
    version: str,
    body: Buffer,
    header_length: str | None,
    headers: Sequence[tuple[str, str]] = (),
) -> Any:
    """Decode a request. Raises TritonError, HeadersRefused where the JSON's length does not fit the body."""
    try:
        return front_end.codec.decode_http_infer(
            model, version, body, header_length, headers, front_end.options.max_input_size
        )
    except TritonError as error:
        if header_length is not None and not _splits(header_length, memoryview(body).nbytes):
            raise HeadersRefused(error.code, error.text) from None
        raise


async def refuse_async(
    front_end: FrontEnd, resp: Any, model: str, version: str, error: TritonError, in_model: bool
) -> None:
    """Answer an inference with an error (ASGI). in_model: whether it arose there, past validation."""
    media_type = _media_type(error, in_model)
    if _may_be_for_no_infer(error, in_model):
        message = _model_message(model, version)
        try:
            raise_for(await front_end.bridge().call(MethodNumber.MODEL_TAKES_INFER, message))
        except TritonError as sooner:
            error, media_type = sooner, TEXT
    replies.refuse_error(resp, error, media_type)


def _may_be_for_no_infer(error: TritonError, in_model: bool) -> bool:
    return not in_model and error.code != Code.UNAVAILABLE


def _media_type(error: TritonError, in_model: bool) -> str:
    return TEXT if in_model or isinstance(error, HeadersRefused) else JSON


def _model_message(model: str, version: str) -> bytes:
    return messages.ModelReadyRequest(name=model, version=version).SerializeToString()


def _splits(header_length: str, body_byte_size: int) -> bool:
    """Tell whether the JSON's length, as the header has it, lies within the body."""
    number = _LEADING_INTEGER.match(header_length)
    return number is not None and 0 <= int(number[1]) <= body_byte_size
