"""The methods of GRPCInferenceService with one answer: bytes to the engine, bytes back."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from typing import Any

import grpc

from triton_lite import logs
from triton_lite.errors import Code, TritonError
from triton_lite.frontends.access import ID_HEADER, about_grpc, header_id
from triton_lite.frontends.bridge import Bridge
from triton_lite.frontends.grpc import wire
from triton_lite.frontends.grpc.statuses import abort, abort_with
from triton_lite.frontends.grpc.verbose import log_call
from triton_lite.frontends.link import WITH_CONTEXT, Answer
from triton_lite.frontends.peers import is_local_grpc
from triton_lite.frontends.reserved_headers import is_reserved
from triton_lite.frontends.tracing import now, traced, with_context
from triton_lite.frontends.unread import COUNTED_BYTE_SIZE, UnreadAnswers
from triton_lite.proto import REGIONS_DENIED, MethodNumber

Unary = Callable[[bytes, Any], Awaitable[bytes]]

_PARAMETERS = 4  # ModelInferRequest.parameters
_REGION = b"shared_memory_region"  # The parameter that names one.
_SMALL_BYTE_SIZE = 4096  # Searched sooner than its client is looked up.
_TRACE_CONTEXT = ("traceparent", "tracestate")


def relay(bridge: Callable[[], Bridge], method: int, regions_by_peer: bool = True) -> Unary:
    """Make the handler of a control method."""

    async def handle(request: bytes, context: Any) -> bytes:
        if logs.verbose():
            log_call(method)
        denied = REGIONS_DENIED if regions_by_peer and not is_local_grpc(context.peer()) else 0
        try:
            answer = await bridge().call(method | denied, request)
        except TritonError as error:
            await abort(context, error)
        if answer.code:
            await abort_with(context, answer.code, answer.text)
        return answer.message

    return handle


def infer(
    bridge: Callable[[], Bridge],
    method: int,
    compression: grpc.Compression,
    pattern: re.Pattern[str] | None,
    access_log: bool = False,
    regions_by_peer: bool = True,
    unread: UnreadAnswers | None = None,
) -> Unary:
    """Make the handler of ModelInfer. unread: counts the answers on their way to clients."""
    waiting = UnreadAnswers() if unread is None else unread
    compresses = compression is not grpc.Compression.NoCompression
    waiting_since = now()

    async def handle(request: bytes, context: Any) -> bytes:
        nonlocal waiting_since
        if logs.verbose():
            log_call(method)
        if compresses:
            context.set_compression(compression)
        name = wire.id_of(request)
        if name and (name := header_id(name)):
            await context.send_initial_metadata(((ID_HEADER, name),))
        said = about_grpc(context.peer(), len(request)) if access_log else b""
        since = 0
        if tracing := bridge().tracing:
            since, waiting_since = waiting_since, now()
            said = said_with_context(said, context, tracing)
        try:
            if pattern is not None:
                request = with_forwarded(request, context, pattern)
            denied = _denied(request, context) if regions_by_peer else 0
            answer = await bridge().call(method | denied, request, (), since, said)
        except TritonError as error:
            request = b""  # An end with an error may be remembered for a while, with this function's names.
            await abort(context, error)
        if since:
            _report_sent(bridge, answer, context)
        if answer.code:
            request = b""
            await abort_with(context, answer.code, answer.text)
        framed = answer.framed(False)
        byte_size = len(framed)
        del answer  # What it holds of the engine's memory goes back: the client may take long to read.
        try:
            waiting.check(byte_size)
        except TritonError as error:
            request = framed = b""
            await abort(context, error)
        if byte_size >= COUNTED_BYTE_SIZE:
            waiting.add(byte_size)
            context.add_done_callback(lambda _: waiting.remove(byte_size))
        return framed

    return handle


def _denied(request: bytes, context: Any) -> int:
    """REGIONS_DENIED for a client elsewhere. Asking where it is takes 10 of a small request's 220 µs: if need be."""
    may_name_region = len(request) > _SMALL_BYTE_SIZE or _REGION in request
    return REGIONS_DENIED if may_name_region and not is_local_grpc(context.peer()) else 0


def given_id(context: Any) -> str:
    """Return the x-request-id that came with a call, "" if there is none that can be given back."""
    for name, value in context.invocation_metadata() or ():
        if name == ID_HEADER:
            return header_id(value)
    return ""


def said_with_context(said: bytes, context: Any, tracing: int) -> bytes:
    """Add the client's trace context, if it is wanted, to what is said about a call."""
    if tracing != WITH_CONTEXT:  # Reading the metadata takes 46 of the 350 µs of a small request.
        return said
    found = {name: value for name, value in context.invocation_metadata() or () if name in _TRACE_CONTEXT}
    parent, state = (found.get(name, "").encode("latin-1", "replace") for name in _TRACE_CONTEXT)
    return with_context(said, parent, state)


def _report_sent(bridge: Callable[[], Bridge], answer: Answer, context: Any) -> None:
    """Tell the engine when the answer, which is about to be sent, was sent, if it is traced."""
    trace = traced(answer)
    if trace is None:
        return
    here = bridge()
    trace.begin_send()
    context.add_done_callback(lambda _: here.post(MethodNumber.TRACE_SENT, trace.sent()))


def with_forwarded(request: bytes, context: Any, pattern: re.Pattern[str]) -> bytes:
    """Add the headers that the pattern finds to a request, as parameters.

    Raises TritonError(INVALID_ARGUMENT) for a name that Triton keeps for itself.
    """
    added = _forwarded(context, pattern)
    return wire.append(request, added) if added else request


def _forwarded(context: Any, pattern: re.Pattern[str]) -> bytes:
    encoded = b""
    for name, value in context.invocation_metadata() or ():
        if not pattern.search(name):
            continue
        if is_reserved(name):
            raise TritonError(
                Code.INVALID_ARGUMENT, f"Header '{name}' is reserved for Triton usage and cannot be forwarded."
            )
        text = value if isinstance(value, str) else value.decode("latin-1")
        parameter = wire.length_field(3, text)  # InferParameter.string_param
        encoded += wire.length_field(_PARAMETERS, wire.length_field(1, name) + wire.length_field(2, parameter))
    return encoded
