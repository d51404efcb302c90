"""ModelStreamInfer: each message of the client is a call of its own, answers go back over the one stream."""

from __future__ import annotations

import asyncio
import re
from collections import deque
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any

import grpc

from triton_lite import logs
from triton_lite.errors import Code, TritonError
from triton_lite.frontends.access import ID_HEADER, about_grpc
from triton_lite.frontends.bridge import Bridge
from triton_lite.frontends.grpc import wire
from triton_lite.frontends.grpc.inference import given_id, said_with_context, with_forwarded
from triton_lite.frontends.grpc.statuses import status_of
from triton_lite.frontends.grpc.verbose import log_call
from triton_lite.frontends.link import Answer, failed_in_model
from triton_lite.frontends.peers import is_local_grpc
from triton_lite.frontends.tracing import FrontTrace, now
from triton_lite.frontends.unread import COUNTED_BYTE_SIZE, UnreadAnswers
from triton_lite.guard.groups import INFERENCE
from triton_lite.proto import REGIONS_DENIED, MethodNumber

_REQUEST_ID, _RESPONSE_ID = 3, 3
_ERROR_MESSAGE, _INFER_RESPONSE = 1, 2
_LARGE_BYTE_SIZE = 1 << 16
ENDING = "the server ends and takes no further requests"


class _Request:
    """One request of a stream; takes its answers."""

    __slots__ = ("_id", "_message", "_session", "answer", "decoupled", "trace")

    def __init__(self, session: _Session, message: bytes) -> None:
        self._session = session
        small = len(message) < _LARGE_BYTE_SIZE
        self._message = message if small else b""
        self._id = "" if small else wire.text_field(message, _REQUEST_ID)
        self.answer: Answer | None = None  # The only one, waiting for its turn.
        self.decoupled = False  # In no order with other requests.
        self.trace: FrontTrace | None = None

    @property
    def id(self) -> str:
        """The request's id, looked for when it is needed; a large message is not kept for that."""
        return self._id or wire.text_field(self._message, _REQUEST_ID)

    def put(self, answer: Answer) -> None:
        self._session.put(self, answer)


class _Session:
    """The state of one stream: requests under way in their order, answers ready to be written.

    A model that answers once is answered in the order of the requests. The answers of a decoupled one are written as
    they come; the engine sends no more of them than may wait here.
    """

    def __init__(self, backlog: int) -> None:
        self._backlog = backlog
        self._ordered: deque[_Request] = deque()  # Those that may be of models that answer once.
        self.ready: deque[tuple[_Request, Answer]] = deque()
        self.give_up: dict[_Request, Callable[[], None]] = {}
        self.under_way = 0
        self.reading_ended = False
        self.ending = False  # The server is: no further requests.
        self._changed = asyncio.Event()

    def begin(self, request: _Request) -> None:
        self._ordered.append(request)
        self.under_way += 1

    def put(self, request: _Request, answer: Answer) -> None:
        if answer.last:
            self.give_up.pop(request, None)
        if answer.many:
            self.ready.append((request, answer))
            self._leave_order(request)
        else:
            request.answer = answer
        self._release()
        self._changed.set()

    def _leave_order(self, request: _Request) -> None:
        if not request.decoupled:
            request.decoupled = True
            self._ordered.remove(request)

    def _release(self) -> None:
        while self._ordered and self._ordered[0].answer is not None:
            request = self._ordered.popleft()
            answer, request.answer = request.answer, None
            if answer is not None:
                self.ready.append((request, answer))

    def written(self, answer: Answer) -> None:
        if answer.last:
            self.under_way -= 1
            self._changed.set()

    def end_reading(self) -> None:
        self.reading_ended = True
        self._changed.set()

    def end(self) -> None:
        self.ending = True
        self._changed.set()

    @property
    def over(self) -> bool:
        return (self.reading_ended or self.ending) and not self.under_way

    async def room(self) -> None:
        while self.under_way >= self._backlog:
            await self._next_change()

    async def more(self) -> None:
        await self._next_change()

    async def _next_change(self) -> None:
        self._changed.clear()
        await self._changed.wait()

    def cancel(self) -> None:
        for give_up in self.give_up.values():
            give_up()
        self.give_up.clear()


class _Refused:
    """Stands for the answer of a request that could not be sent to the engine."""

    call = 0
    last = True
    traced = False
    many = False
    message = b""
    segments: Sequence[memoryview] = ()

    def __init__(self, error: TritonError) -> None:
        self.code = int(error.code)
        self.text = error.text

    def acknowledge(self) -> None:
        """Nobody waits for that."""

    def framed(self, in_stream: bool) -> bytes:
        raise TritonError(self.code, self.text)


class StreamInfer:
    """ModelStreamInfer; `handle` answers one stream."""

    def __init__(
        self,
        bridge: Callable[[], Bridge],
        method: int,
        backlog: int,
        compression: grpc.Compression,
        pattern: re.Pattern[str] | None,
        access_log: bool = False,
        regions_by_peer: bool = True,
        admit: Callable[[str, Any], None] | None = None,
        unread: UnreadAnswers | None = None,
    ) -> None:
        """backlog: requests of one stream under way at once. pattern: of the headers that are forwarded.

        admit: lets a message of a group of APIs in or raises TritonError; None lets all in. unread: counts the answers
        on their way to clients.
        """
        self._bridge = bridge
        self._method = method
        self._backlog = backlog
        self._compression = compression
        self._pattern = pattern
        self._access_log = access_log
        self._regions_by_peer = regions_by_peer
        self._admit = admit
        self._unread = UnreadAnswers() if unread is None else unread
        self._sessions: set[_Session] = set()

    def end(self) -> None:
        """Refuse further requests; streams end when what they have is answered."""
        for session in self._sessions:
            session.end()

    async def handle(self, requests: AsyncIterator[bytes], context: Any) -> None:
        """Send each message to the engine, and write the answers."""
        if logs.verbose():
            log_call(self._method)
        if self._compression is not grpc.Compression.NoCompression:
            context.set_compression(self._compression)
        given = given_id(context)
        if given:
            await context.send_initial_metadata(((ID_HEADER, given),))
        ends_at_error = ("triton_grpc_error", "true") in (context.invocation_metadata() or ())
        session = _Session(self._backlog)
        self._sessions.add(session)
        reader = asyncio.ensure_future(self._read(requests, context, session, given))
        try:
            while not session.over:
                while session.ready:
                    request, answer = session.ready.popleft()
                    if ends_at_error and failed_in_model(answer):
                        await context.abort(status_of(answer.code), answer.text)
                    await self._write(request, answer, context)
                    answer.acknowledge()
                    session.written(answer)
                if not session.over and not session.ready:
                    await session.more()
            if session.ending and not session.reading_ended:
                await context.abort(status_of(Code.UNAVAILABLE), ENDING)
            await reader
        finally:
            self._sessions.discard(session)
            reader.cancel()
            session.cancel()

    async def _write(self, request: _Request, answer: Answer, context: Any) -> None:
        byte_size = sum(memoryview(segment).nbytes for segment in answer.segments)
        if byte_size < COUNTED_BYTE_SIZE:
            await self._write_now(request, answer, context)
        else:
            async with self._unread.waiting(byte_size):
                await self._write_now(request, answer, context)
        if request.trace is not None and answer.traced:
            request.trace.take(answer)
            self._bridge().post(MethodNumber.TRACE_SENT, request.trace.sent())

    async def _read(self, requests: AsyncIterator[bytes], context: Any, session: _Session, given: str) -> None:
        peer = context.peer()
        denied = self._regions_by_peer and not is_local_grpc(peer)
        method = self._method | REGIONS_DENIED if denied else self._method
        waiting_since = now()
        try:
            async for message in requests:
                request = _Request(session, message)
                said = about_grpc(peer, len(message), given) if self._access_log else b""
                since = 0
                if tracing := self._bridge().tracing:
                    since = waiting_since
                    request.trace = FrontTrace(since)
                    said = said_with_context(said, context, tracing)
                await session.room()
                session.begin(request)
                try:
                    if session.ending:
                        raise TritonError(Code.UNAVAILABLE, ENDING)
                    if self._admit is not None:
                        self._admit(INFERENCE, context)
                    if self._pattern is not None:
                        message = with_forwarded(message, context, self._pattern)
                    session.give_up[request] = await self._bridge().start(method, message, (), request, since, said)
                except TritonError as error:
                    request.put(_Refused(error))
                waiting_since = now()
        finally:
            session.end_reading()

    async def _write_now(self, request: _Request, answer: Answer, context: Any) -> None:
        message = _encode(request, answer)
        if message is not None:
            if request.trace is not None:
                request.trace.begin_send()
            await context.write(message)


def _encode(request: _Request, answer: Answer) -> bytes | None:
    """One ModelStreamInferResponse; None for a last answer that carries no response.

    An error names the request by its id; one that arose in the model carries the head of its response.
    """
    if answer.code:
        if failed_in_model(answer):
            head = bytes(answer.segments[0])
        else:
            head = wire.length_field(_RESPONSE_ID, request.id) if request.id else b""
        return wire.length_field(_ERROR_MESSAGE, answer.text) + wire.length_field(_INFER_RESPONSE, head)
    return answer.framed(True) if answer.message else None
