"""frontends/http/lane_connection.py: connections over real sockets; what is behind the lane is the test's."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import socket
import weakref
from collections.abc import AsyncIterator, Callable, Coroutine
from types import SimpleNamespace
from typing import Any

import pytest
from gunicorn.config import Config  # type: ignore[import-untyped]

from triton_lite.errors import Code, TritonError
from triton_lite.frontends.http import lane_connection
from triton_lite.frontends.http.lane_connection import LaneConnection
from triton_lite.frontends.http.refusal import Refusal

SLOW = b"GET /slow HTTP/1.1\r\nHost: x\r\n\r\n"
ANSWERED_SLOWLY = b"slowly"


class FakeExchange:
    """A request whose head is `FAST length` and a line break."""

    model_name, model_version, header_id = "m", "", b""

    def __init__(self, data: bytes) -> None:
        line, _, body = data.partition(b"\n")
        self.head = line + b"\n"
        self.memory = bytearray(int(line.split()[1]))
        self.memory[: len(body)] = body
        self.received = len(body)
        self.call = 0

    def room(self) -> memoryview:
        return memoryview(self.memory)[self.received :]

    def take(self, byte_size: int) -> bool:
        self.received += byte_size
        return self.received == len(self.memory)

    def given(self) -> bytes:
        return SLOW  # What gunicorn's parser can read.


class FakeLane:
    """Answers nothing by itself."""

    def __init__(self) -> None:
        self.closing = False
        self.refuses = False
        self.sent: asyncio.Queue[tuple[FakeExchange, LaneConnection]] = asyncio.Queue()
        self.given_up: asyncio.Queue[FakeExchange] = asyncio.Queue()
        self.unread = 0
        self.read: asyncio.Event = asyncio.Event()
        self.ended = 0
        self.may_refuse = asyncio.Event()
        self.may_refuse.set()

    def denies_regions(self, client: Any, server: Any) -> bool:
        return False

    def begin(self, data: bytes, deny_regions: bool) -> FakeExchange | None:
        if not data.startswith(b"FAST"):
            return None
        exchange = FakeExchange(data)
        exchange.call = int(exchange.received == len(exchange.memory))
        return exchange

    def send(self, exchange: FakeExchange) -> bool:
        exchange.call = int(not self.refuses)
        return not self.refuses

    def expect(self, exchange: FakeExchange, taker: LaneConnection) -> None:
        self.sent.put_nowait((exchange, taker))

    def give_up(self, exchange: FakeExchange) -> None:
        self.given_up.put_nowait(exchange)

    def reply(self, exchange: FakeExchange, answer: Any, more_headers: bytes) -> list[bytes]:
        if isinstance(answer, TritonError):
            raise answer
        return [b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n" % len(answer) + more_headers + b"\r\n", answer]

    async def refusal(self, exchange: FakeExchange, answer: Any, error: TritonError) -> Refusal:
        refusal = Refusal()
        refusal.status, refusal.data = 400, error.text.encode()
        await self.may_refuse.wait()
        return refusal

    def add_unread(self, byte_size: int) -> None:
        self.unread += byte_size

    def remove_unread(self, byte_size: int) -> None:
        self.unread -= byte_size
        self.read.set()

    def end(self, worker: Any) -> bool:
        self.ended += 1
        return self.closing


class Served:
    """A listening worker."""

    def __init__(self, lane: FakeLane, worker: Any, port: int) -> None:
        self.lane, self.worker, self.port = lane, worker, port
        self.connections: list[LaneConnection] = []

    async def connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        return await asyncio.open_connection("127.0.0.1", self.port)


class App:
    """The application: has a lane, and answers what does not go there."""

    def __init__(self, lane: FakeLane) -> None:
        self.lane = lane

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        headers = [(b"content-length", b"%d" % len(ANSWERED_SLOWLY))]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": ANSWERED_SLOWLY})


@contextlib.asynccontextmanager
async def serving(access_log: bool = False, **settings: Any) -> AsyncIterator[Served]:
    """settings: gunicorn's."""
    config = Config()
    for name, value in ({"keepalive": 10} | settings).items():
        config.set(name, value)
    lane = FakeLane()
    log = SimpleNamespace(error_log=None, access_log_enabled=access_log, debug=print, info=print, exception=print)
    log.access = print
    worker = SimpleNamespace(
        cfg=config, log=log, asgi=App(lane), loop=asyncio.get_running_loop(), nr_conns=0, nr=0, alive=True
    )
    worker.max_requests = 1 << 60
    running = Served(lane, worker, 0)

    def connection() -> LaneConnection:
        running.connections.append(LaneConnection(worker))
        return running.connections[-1]

    server = await worker.loop.create_server(connection, "127.0.0.1", 0)
    running.port = server.sockets[0].getsockname()[1]
    try:
        yield running
    finally:
        server.close()


def served(test: Callable[[Served], Coroutine[Any, Any, None]], **settings: Any) -> None:
    async def run() -> None:
        async with asyncio.timeout(30), serving(**settings) as server:
            await test(server)

    asyncio.run(run())


async def answer_of(reader: asyncio.StreamReader) -> tuple[bytes, bytes]:
    """Read one answer: its head, and its body."""
    head = await reader.readuntil(b"\r\n\r\n")
    lines = dict(line.lower().split(b": ", 1) for line in head.split(b"\r\n")[1:-2])
    return head, await reader.readexactly(int(lines[b"content-length"]))


def test_requests_go_both_ways_on_one_connection() -> None:
    async def test(server: Served) -> None:
        reader, writer = await server.connect()
        for _ in range(3):
            writer.write(b"FAST 3\nabc")
            exchange, connection = await server.lane.sent.get()
            assert bytes(exchange.memory) == b"abc"
            connection.put(b"quickly")  # type: ignore[arg-type]
            head, body = await answer_of(reader)
            assert body == b"quickly"
            assert b"Server: gunicorn" in head
            assert b"Date: " in head
            writer.write(SLOW)
            assert (await answer_of(reader))[1] == ANSWERED_SLOWLY
        assert server.lane.ended == 3
        assert server.worker.nr == 6
        writer.close()

    served(test)


@pytest.mark.parametrize(
    "settings",
    [
        {"access_log": True},
        {"pre_request": lambda worker, request: None},
        {"post_request": lambda worker, request, environ, response: None},
    ],
    ids=["access log", "before", "after"],
)
def test_requests_that_gunicorn_is_to_tell_of_are_gunicorns(settings: dict[str, Any]) -> None:
    async def test(server: Served) -> None:
        reader, writer = await server.connect()
        writer.write(SLOW)
        assert (await answer_of(reader))[1] == ANSWERED_SLOWLY
        writer.write(b"FAST 3\nabc")
        assert (await reader.readline()).startswith(b"HTTP/1.1 400 ")  # Gunicorn's parser knows no such request.
        assert server.lane.sent.empty()
        writer.close()

    served(test, **settings)


@pytest.mark.parametrize("byte_size", [10, 300_000])
def test_a_body_in_pieces_goes_to_where_the_engine_reads_it(byte_size: int) -> None:
    async def test(server: Served) -> None:
        body = bytes(number % 251 for number in range(byte_size))
        reader, writer = await server.connect()
        writer.transport.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for round_ in range(2):  # The connection is as it was.
            writer.write(b"FAST %d\n" % byte_size)
            for start in range(0, byte_size, max(1, byte_size // 7)):
                await asyncio.sleep(0)
                writer.write(body[start : start + max(1, byte_size // 7)])
                await writer.drain()
            exchange, connection = await server.lane.sent.get()
            assert bytes(exchange.memory) == body
            connection.put(b"%d" % round_)  # type: ignore[arg-type]
            assert (await answer_of(reader))[1] == b"%d" % round_
        writer.close()

    served(test)


def test_what_the_lane_cannot_send_is_gunicorns() -> None:
    async def test(server: Served) -> None:
        server.lane.refuses = True
        reader, writer = await server.connect()
        writer.write(b"FAST 3\na")
        while not (server.connections and server.connections[0]._intake):
            await asyncio.sleep(0)
        writer.write(b"bc")
        assert (await answer_of(reader))[1] == ANSWERED_SLOWLY
        writer.close()

    served(test)


def test_a_slow_body_is_gunicorns(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lane_connection, "_BODY_SECONDS", 0.01)

    async def test(server: Served) -> None:
        reader, writer = await server.connect()
        writer.write(b"FAST 3\na")
        assert (await answer_of(reader))[1] == ANSWERED_SLOWLY
        assert server.lane.sent.empty()
        writer.close()

    served(test)


def test_what_comes_behind_a_request_waits_its_turn() -> None:
    async def test(server: Served) -> None:
        reader, writer = await server.connect()
        writer.write(b"FAST 1\na")
        _, connection = await server.lane.sent.get()
        writer.write(b"FAST 1\nb")
        await writer.drain()
        while not connection._behind:
            await asyncio.sleep(0)
        assert server.lane.sent.empty()
        connection.put(b"first")  # type: ignore[arg-type]
        exchange, _ = await server.lane.sent.get()
        assert bytes(exchange.memory) == b"b"
        connection.put(b"second")  # type: ignore[arg-type]
        assert [(await answer_of(reader))[1] for _ in range(2)] == [b"first", b"second"]
        writer.close()

    served(test)


def test_much_that_comes_behind_waits_in_the_kernel() -> None:
    async def test(server: Served) -> None:
        reader, writer = await server.connect()
        writer.write(b"FAST 1\na")
        _, connection = await server.lane.sent.get()
        later = SLOW * 200_000
        writer.write(later)
        while not connection._reading_paused:
            await asyncio.sleep(0)
        assert len(connection._behind) < len(later) // 2
        connection.put(b"first")  # type: ignore[arg-type]
        assert (await answer_of(reader))[1] == b"first"
        assert (await answer_of(reader))[1] == ANSWERED_SLOWLY
        writer.transport.abort()

    served(test)


def test_a_client_that_hangs_up_gives_its_request_up() -> None:
    async def test(server: Served) -> None:
        _, writer = await server.connect()
        writer.write(b"FAST 1\na")
        exchange, connection = await server.lane.sent.get()
        writer.close()
        assert await server.lane.given_up.get() is exchange
        connection.put(b"late")  # type: ignore[arg-type]
        assert server.worker.nr == 0
        assert server.worker.nr_conns == 0

    served(test)


def test_a_client_that_hangs_up_within_its_body() -> None:
    async def test(server: Served) -> None:
        _, writer = await server.connect()
        writer.write(b"FAST 5\na")
        await writer.drain()
        while not server.worker.nr_conns:
            await asyncio.sleep(0)
        writer.close()
        while server.worker.nr_conns:
            await asyncio.sleep(0)
        assert server.lane.sent.empty()
        assert server.connections[0]._intake is None
        assert server.connections[0]._exchange is None

    served(test)


@pytest.mark.parametrize("request_bytes", [b"", b"FAST 1\na", SLOW])
def test_nothing_is_left_of_a_connection_once_it_is_idle_and_gone(request_bytes: bytes) -> None:
    async def test(server: Served) -> None:
        reader, writer = await server.connect()
        if request_bytes:
            writer.write(request_bytes)
            if request_bytes != SLOW:
                (await server.lane.sent.get())[1].put(b"answer")  # type: ignore[arg-type]
            await answer_of(reader)
        while not (server.connections and server.connections[0]._awaiting_request):
            await asyncio.sleep(0)
        writer.close()
        while server.worker.nr_conns:
            await asyncio.sleep(0)
        connection = weakref.ref(server.connections.pop())
        for _ in range(10):
            await asyncio.sleep(0)
        assert connection() is None

    gc.disable()  # Cycles would wait for it.
    try:
        served(test)
    finally:
        gc.enable()


def test_errors_are_answered() -> None:
    async def test(server: Served) -> None:
        reader, writer = await server.connect()
        writer.write(b"FAST 1\na")
        _, connection = await server.lane.sent.get()
        connection.put(TritonError(Code.INVALID_ARGUMENT, "no such thing"))  # type: ignore[arg-type]
        head, body = await answer_of(reader)
        assert head.startswith(b"HTTP/1.1 400 Bad Request\r\n")
        assert body == b"no such thing"
        writer.write(SLOW)
        assert (await answer_of(reader))[1] == ANSWERED_SLOWLY
        writer.close()

    served(test)


def test_an_error_that_nobody_waits_for_any_more() -> None:
    async def test(server: Served) -> None:
        server.lane.may_refuse.clear()
        _, writer = await server.connect()
        writer.write(b"FAST 1\na")
        exchange, connection = await server.lane.sent.get()
        connection.put(TritonError(Code.INVALID_ARGUMENT, "no such thing"))  # type: ignore[arg-type]
        writer.close()
        assert await server.lane.given_up.get() is exchange
        server.lane.may_refuse.set()
        assert connection._refusing is not None
        await connection._refusing
        assert server.lane.ended == 0
        assert connection._keepalive_handle is None

    served(test)


@pytest.mark.parametrize("fails", [False, True])
def test_the_last_answer_says_so(fails: bool) -> None:
    async def test(server: Served) -> None:
        reader, writer = await server.connect()
        writer.write(b"FAST 1\na")
        _, connection = await server.lane.sent.get()
        server.lane.closing = True
        answer: Any = TritonError(Code.INTERNAL, "broken") if fails else b"last"
        connection.put(answer)
        head, _ = await answer_of(reader)
        assert b"\r\nConnection: close\r\n" in head
        assert await reader.read() == b""
        while server.worker.nr_conns:
            await asyncio.sleep(0)
        writer.close()

    served(test)


def test_an_answer_that_is_not_read_is_counted() -> None:
    async def test(server: Served) -> None:
        reader, writer = await server.connect()
        writer.transport.pause_reading()
        writer.write(b"FAST 1\na")
        _, connection = await server.lane.sent.get()
        answer = bytes(64 << 20)
        connection.put(answer)  # type: ignore[arg-type]
        while not server.lane.unread:
            await asyncio.sleep(0)
        assert server.lane.unread > len(answer)
        writer.write(b"FAST 1\nb")
        writer.transport.resume_reading()
        assert (await answer_of(reader))[1] == answer
        await server.lane.read.wait()
        assert server.lane.unread == 0
        exchange, _ = await server.lane.sent.get()
        assert bytes(exchange.memory) == b"b"
        writer.close()

    served(test)


def test_an_idle_connection_is_closed_but_none_that_is_in_use() -> None:
    async def test(server: Served) -> None:
        reader, writer = await server.connect()
        writer.write(b"FAST 1\na")
        _, connection = await server.lane.sent.get()
        connection.put(b"first")  # type: ignore[arg-type]
        await answer_of(reader)
        assert connection._keepalive_handle is not None
        writer.write(b"FAST 1\nb")
        await server.lane.sent.get()
        connection._keepalive_timeout()  # While a request is in flight.
        connection.put(b"second")  # type: ignore[arg-type]
        assert (await answer_of(reader))[1] == b"second"
        connection._keepalive_timeout()  # Too soon after one.
        writer.write(SLOW)
        assert (await answer_of(reader))[1] == ANSWERED_SLOWLY
        assert await reader.read() == b""  # After a second.
        writer.close()

    served(test, keepalive=1)
