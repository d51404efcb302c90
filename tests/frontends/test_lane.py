"""frontends/http/lane.py and the native exchange, on an engine in this process."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from repositories import write_identity

from triton_lite import Server, logs
from triton_lite.errors import TritonError
from triton_lite.frontends.http import Application
from triton_lite.frontends.http.exchange import Exchange
from triton_lite.frontends.http.front_end import FrontEnd
from triton_lite.frontends.http.lane import InferLane, size_of
from triton_lite.frontends.http.options import HttpOptions
from triton_lite.frontends.link import Answer, EngineLink
from triton_lite.frontends.unread import UnreadAnswers
from triton_lite.guard.guard import Guard

LIMIT = 1 << 20


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    repository: Path = write_identity(tmp_path_factory.mktemp("lane"))
    with Server(repository) as running:
        yield running


@asynccontextmanager
async def lane_to(server: Server, **options: Any) -> AsyncIterator[tuple[InferLane, FrontEnd]]:
    """A lane whose front end is connected."""
    front_end = FrontEnd(EngineLink("http", lambda _: server.client), HttpOptions(max_input_size=LIMIT, **options))
    await front_end.bridge().client()
    yield InferLane(front_end), front_end
    front_end.bridge().close()


def request(byte_size: int = 4, model: str = "plain_identity", said: int | None = None, header: str = "A: b") -> bytes:
    parameters = {"binary_data_size": byte_size if said is None else said}
    tensor = {"name": "INPUT0", "datatype": "UINT8", "shape": [byte_size], "parameters": parameters}
    text = json.dumps({"inputs": [tensor], "parameters": {"binary_data_output": True}}).encode()
    lines = [f"POST /v2/models/{model}/infer HTTP/1.1", "Host: x", header, f"Content-Length: {len(text) + byte_size}"]
    lines.append(f"Inference-Header-Content-Length: {len(text)}")
    return "\r\n".join([*lines, "", ""]).encode() + text + b"x" * byte_size


class Once:
    """Takes one answer."""

    def __init__(self) -> None:
        self.answer: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()

    def put(self, answer: Answer) -> None:
        self.answer.set_result(answer)


async def answer_of(lane: InferLane, exchange: Exchange) -> Answer:
    once = Once()
    lane.expect(exchange, once)
    return await once.answer


def test_a_whole_request_is_sent_at_once(server: Server) -> None:
    async def run() -> None:
        async with lane_to(server) as (lane, _):
            exchange = lane.begin(request(), False)
            assert exchange is not None
            assert exchange.call
            (reply,) = lane.reply(exchange, await answer_of(lane, exchange), b"More: headers\r\n")
            head, _, body = bytes(reply).partition(b"\r\n\r\n")
            assert head.startswith(b"HTTP/1.1 200 OK\r\n")
            assert head.endswith(b"\r\nMore: headers")
            assert body.endswith(b"}xxxx")

    asyncio.run(run())


def test_pieces_of_a_large_one_are_received_in_place(server: Server) -> None:
    async def run() -> None:
        async with lane_to(server) as (lane, _):
            data = request(200_000)
            exchange = lane.begin(data[:5000], False)
            assert exchange is not None
            assert not exchange.call
            assert exchange.given() == data[:5000]
            rest = data[5000:]
            memoryview(exchange.room())[:7] = rest[:7]
            assert not exchange.take(7)
            assert exchange.given() == data[:5007]
            memoryview(exchange.room())[:] = rest[7:]
            assert exchange.take(1 << 40)  # More than there is room for is no more than that.
            assert memoryview(exchange.room()).nbytes == 0
            assert lane.send(exchange)
            parts = lane.reply(exchange, await answer_of(lane, exchange), b"")
            assert len(parts) == 2  # The tensor is a view of what the engine wrote.
            assert size_of(parts) > 200_000
            assert bytes(parts[1]) == b"x" * 200_000

    asyncio.run(run())


@pytest.mark.parametrize(
    "data",
    [
        request(LIMIT + 1),
        request(4, said=5),
        request(header="TE: trailers"),
        request()[:20],
        request() + b"GET",
        b"",
    ],
)
def test_what_is_unusual_or_wrong_is_none_for_here(server: Server, data: bytes) -> None:
    async def run() -> None:
        async with lane_to(server) as (lane, _):
            assert lane.begin(data, False) is None

    asyncio.run(run())


def test_nothing_is_for_here_while_requests_are_logged_or_connections_end(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def run() -> None:
        async with lane_to(server) as (lane, front_end):
            with monkeypatch.context() as patch:
                patch.setattr(logs, "verbose", lambda level=1: True)
                assert lane.begin(request(), False) is None
            front_end.recycling.closing = True
            assert lane.begin(request(), False) is None
            front_end.recycling.closing = False
            front_end.bridge().close()
            assert lane.begin(request(), False) is None  # Whoever serves it connects again.

    asyncio.run(run())


def test_errors_of_the_engine_are_worded_as_everywhere(server: Server) -> None:
    async def run() -> None:
        async with lane_to(server) as (lane, _):
            exchange = lane.begin(request(model="none"), False)
            assert exchange is not None
            answer = await answer_of(lane, exchange)
            with pytest.raises(TritonError) as caught:
                lane.reply(exchange, answer, b"")
            refusal = await lane.refusal(exchange, answer, caught.value)
            assert refusal.status == 404
            assert b"Request for unknown model: 'none' is not found" in refusal.data

    asyncio.run(run())


def test_there_is_an_end_to_answers_that_nobody_reads(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    async def run() -> None:
        async with lane_to(server) as (lane, front_end):
            monkeypatch.setattr(front_end, "unread", UnreadAnswers(300_000))
            exchange = lane.begin(request(200_000), False)
            assert exchange is not None
            answer = await answer_of(lane, exchange)
            lane.add_unread(200_000)
            with pytest.raises(TritonError, match="max-unread-byte-size"):
                lane.reply(exchange, answer, b"")
            lane.remove_unread(200_000)
            assert len(lane.reply(exchange, answer, b"")) == 2
            monkeypatch.setattr("triton_lite.frontends.http.lane._LEFT_THERE_BYTE_SIZE", 50_000)
            lane.add_unread(50_001)
            assert len(lane.reply(exchange, answer, b"")) == 1  # A copy, so that the engine has its memory back.

    asyncio.run(run())


def test_clients_of_other_machines_may_not_use_regions(server: Server) -> None:
    async def run() -> None:
        async with lane_to(server) as (lane, _):
            assert lane.denies_regions(("10.0.0.1", 5), ("10.0.0.2", 8000))
            assert not lane.denies_regions(("127.0.0.1", 5), ("127.0.0.1", 8000))
        async with lane_to(server, regions_by_peer=False) as (lane, _):
            assert not lane.denies_regions(("10.0.0.1", 5), ("10.0.0.2", 8000))

    asyncio.run(run())


@pytest.mark.parametrize(
    "options",
    [{"access_log": True}, {"cors_origins": ("*",)}, {"guard": object.__new__(Guard)}],
)
def test_rules_for_every_request_leave_no_short_way(options: dict[str, Any]) -> None:
    application = Application(FrontEnd(options=HttpOptions(**options)))
    application.prepare()
    assert application.lane is None


def test_without_rules_there_is_one() -> None:
    application = Application(FrontEnd(options=HttpOptions()))
    application.prepare()
    assert application.lane is not None
