"""The engine for asyncio: calls as awaitables, streams as asynchronous iterators, on the running loop."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Protocol

from triton_lite.errors import Code, TritonError
from triton_lite.frontends.link import UNREACHABLE, WITH_CONTEXT, Answer, Client, EngineLink

if TYPE_CHECKING:
    from typing_extensions import Buffer


class Taker(Protocol):
    """Takes the answers of a call, in order, on the loop's thread."""

    def put(self, answer: Answer) -> None:
        """Take one. After an answer marked `last` none follows."""


class Stream:
    """The answers of one call, in order: `async for answer in stream`. `cancel` gives the call up.

    Ends after the last answer, which is delivered like the others.
    """

    def __init__(self) -> None:
        self._answers: deque[Answer] = deque()
        self._more = asyncio.Event()
        self._ended = False
        self.give_up: Callable[[], None] = lambda: None

    def put(self, answer: Answer) -> None:
        """Take an answer (on the loop's thread)."""
        self._answers.append(answer)
        self._more.set()

    def cancel(self) -> None:
        """Give up what has not been answered yet. Idempotent."""
        if not self._ended:
            self._ended = True
            self.give_up()

    def __aiter__(self) -> Stream:
        return self

    async def __anext__(self) -> Answer:
        while not self._answers:
            if self._ended:
                raise StopAsyncIteration
            self._more.clear()
            try:
                await self._more.wait()
            except asyncio.CancelledError:
                self.cancel()
                raise
        answer = self._answers.popleft()
        if answer.last:
            self._ended = True
        return answer


class _Lost:
    """Stands for the last answer of a call whose engine went away without one."""

    last = True
    code = int(Code.UNAVAILABLE)
    traced = False
    many = False
    message = b""
    segments: Sequence[memoryview] = ()

    def __init__(self, call: int, text: str) -> None:
        self.call = call
        self.text = text

    def acknowledge(self) -> None:
        """Nobody waits for that."""

    def framed(self, in_stream: bool) -> bytes:
        raise TritonError(self.code, self.text)


class Bridge:
    """The channel client of this process, served by one event loop. Only used from that loop's thread.

    Answers wake the loop through the client's descriptor, which is armed whenever nobody looks; one look takes all that
    are there. Looking for answers after each send, before the loop sleeps, found none in most cases and cost gRPC's
    small requests 15% of their time.
    """

    def __init__(self, link: EngineLink) -> None:
        self._link = link
        self._loop = asyncio.get_running_loop()
        self._client: Client | None = None
        self._descriptor = -1
        self._waiting: dict[int, asyncio.Future[Answer] | Taker] = {}
        self._connecting: asyncio.Future[Client] | None = None

    @property
    def loop(self) -> asyncio.AbstractEventLoop:
        """The loop that this bridge serves."""
        return self._loop

    async def call(
        self, method: int, message: Buffer, segments: Sequence[Buffer] = (), since: int = 0, about: bytes = b""
    ) -> Answer:
        """Send a call and return its answer, whatever its status. Raises TritonError(UNAVAILABLE) without an engine.

        since, about: see link.Client.send. Cancelling the awaiting task gives the call up in the engine.
        """
        client = self.current or await self.client()
        return await self._answer(client, client.send(method, message, segments, since, about))

    async def lend(self, method: int, message: Buffer, tensors: Sequence[Any], device_outputs: bool) -> Answer:
        """Like `call`, to an engine in this process: see `_native.ChannelClient.lend`."""
        client = self.current or await self.client()
        return await self._answer(client, client.lend(method, message, tensors, device_outputs))

    async def call_http(self, call: Any, since: int = 0, about: bytes = b"") -> Answer:
        """Like `call`, for a decoded HTTP inference."""
        client = self._client
        if client is None or not client.connected:
            client = await self.client()
        return await self._answer(client, client.send_http(call, since, about))

    async def stream(
        self, method: int, message: Buffer, segments: Sequence[Buffer] = (), since: int = 0, about: bytes = b""
    ) -> Stream:
        """Send a call that may be answered many times."""
        stream = Stream()
        stream.give_up = await self.start(method, message, segments, stream, since, about)
        return stream

    async def lend_stream(self, method: int, message: Buffer, tensors: Sequence[Any], device_outputs: bool) -> Stream:
        """Like `stream`, to an engine in this process: see `_native.ChannelClient.lend`."""
        client = self.current or await self.client()
        stream = Stream()
        stream.give_up = self._take(client, client.lend(method, message, tensors, device_outputs), stream)
        return stream

    async def start(
        self,
        method: int,
        message: Buffer,
        segments: Sequence[Buffer],
        taker: Taker,
        since: int = 0,
        about: bytes = b"",
    ) -> Callable[[], None]:
        """Send a call whose answers go to `taker`; returns what gives the call up."""
        client = self.current or await self.client()
        call = client.send(method, message, segments, since, about)
        return self._take(client, call, taker)

    def expect(self, call: int, taker: Taker) -> None:
        """Have `taker` take the answers of a call that was sent by `current`."""
        self._waiting[call] = taker

    def give_up(self, call: int) -> None:
        """Give up a call that is expected."""
        if self._client is not None:
            self._give_up(self._client, call)

    def post(self, method: int, message: bytes) -> None:
        """Send a call whose answer nobody waits for, if there is an engine."""
        client = self.current
        if client is None:
            return
        try:
            client.send(method, message)
        except TritonError:
            return

    @property
    def tracing(self) -> int:
        """What the engine is to be told of requests (link.Client); of one that is not connected nobody knows."""
        client = self._client
        return WITH_CONTEXT if client is None else client.tracing

    @property
    def current(self) -> Client | None:
        """The client if it is connected: no waiting."""
        client = self._client
        return client if client is not None and client.connected else None

    async def client(self) -> Client:
        """Return a connected client. Connecting (and starting an engine) happens on a thread, once for all callers."""
        client = self.current
        if client is not None:
            return client
        if self._connecting is None:
            self._lose()
            self._connecting = self._loop.run_in_executor(None, self._link.client)
            self._connecting.add_done_callback(self._connected)
        return await asyncio.shield(self._connecting)

    @property
    def pending(self) -> int:
        """How many calls have not been answered."""
        return len(self._waiting)

    def cut_off(self) -> int:
        """Give up what is pending: it is answered UNAVAILABLE. Returns how much that was."""
        client, waiting = self._client, list(self._waiting)
        self._lose("the server ends, and the request was not done in time")
        if client is not None:
            for call in waiting:
                client.cancel(call)
        return len(waiting)

    def close(self) -> None:
        """Answer UNAVAILABLE to what is pending and leave the loop."""
        self._lose()

    def _connected(self, future: asyncio.Future[Client]) -> None:
        self._connecting = None
        if future.cancelled() or future.exception() is not None:
            return
        self._client = future.result()
        self._descriptor = self._client.fileno()
        self._loop.add_reader(self._descriptor, self._look)
        self._look()

    def _take(self, client: Client, call: int, taker: Taker) -> Callable[[], None]:
        self._waiting[call] = taker
        return lambda: self._give_up(client, call)

    async def _answer(self, client: Client, call: int) -> Answer:
        future: asyncio.Future[Answer] = self._loop.create_future()
        self._waiting[call] = future
        try:
            return await future
        except asyncio.CancelledError:
            self._give_up(client, call)
            raise

    def _give_up(self, client: Client, call: int) -> None:
        # A last answer still comes; nobody waits for it any more, and _look drops it.
        if self._waiting.pop(call, None) is not None:
            client.cancel(call)

    def _look(self) -> None:
        client = self._client
        if client is None:
            return
        waiting = self._waiting
        while True:
            for answer in client.poll():
                taker = waiting.pop(answer.call, None) if answer.last else waiting.get(answer.call)
                if taker is not None:
                    _hand_over(taker, answer)
            if client.arm() or not client.connected:
                break
        if not client.connected:
            self._lose()

    def _lose(self, text: str = UNREACHABLE) -> None:
        """The engine went away: nothing that is still pending will be answered."""
        if self._descriptor >= 0:
            self._loop.remove_reader(self._descriptor)
            self._descriptor = -1
        self._client = None
        waiting, self._waiting = self._waiting, {}
        for call, taker in waiting.items():
            _hand_over(taker, _Lost(call, text))


def _hand_over(taker: asyncio.Future[Answer] | Taker, answer: Answer) -> None:
    if not isinstance(taker, asyncio.Future):
        taker.put(answer)
    elif not taker.done():  # Its task may have been cancelled a moment ago.
        taker.set_result(answer)
