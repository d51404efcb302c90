"""frontends/bridge.py: calls as awaitables on one loop."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest
from fakes import FakeAnswer, FakeClient

from triton_lite.errors import Code, TritonError
from triton_lite.frontends.bridge import Bridge
from triton_lite.frontends.link import EngineLink


def run(client: FakeClient, test: Callable[[Bridge], Coroutine[Any, Any, None]]) -> None:
    async def body() -> None:
        bridge = Bridge(EngineLink("test", lambda name: client))
        await test(bridge)
        bridge.close()

    asyncio.run(asyncio.wait_for(body(), 20))


async def sent(client: FakeClient, count: int) -> None:
    while len(client.sent) < count:
        await asyncio.sleep(0)


def test_answers_reach_their_calls_in_any_order() -> None:
    client = FakeClient(lambda sent: None)

    async def test(bridge: Bridge) -> None:
        first = asyncio.ensure_future(bridge.call(1, b"first"))
        second = asyncio.ensure_future(bridge.call(2, b"second", [b"segment"]))
        await sent(client, 2)
        client.answer(2, FakeAnswer(message=b"2"))
        assert (await second).message == b"2"
        assert not first.done()
        client.answer(1, FakeAnswer(message=b"1"))
        assert (await first).message == b"1"
        assert client.sent[1].segments == [b"segment"]

    run(client, test)


def test_an_error_answer_is_returned_not_raised() -> None:
    client = FakeClient(lambda sent: [FakeAnswer(code=5, text="no")])

    async def test(bridge: Bridge) -> None:
        answer = await bridge.call(1, b"")
        assert (answer.code, answer.text) == (Code.NOT_FOUND, "no")

    run(client, test)


def test_cancelling_the_task_gives_the_call_up() -> None:
    client = FakeClient(lambda sent: None)

    async def test(bridge: Bridge) -> None:
        call = asyncio.ensure_future(bridge.call(1, b""))
        await sent(client, 1)
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        assert client.cancelled == [1]
        client.answer(1, FakeAnswer(code=1, text="cancelled"))  # Late: nobody waits, nothing breaks.
        other = asyncio.ensure_future(bridge.call(1, b""))
        await sent(client, 2)
        client.answer(2, FakeAnswer(message=b"fine"))
        assert (await other).message == b"fine"

    run(client, test)


def test_an_answer_between_cancel_and_its_delivery_is_dropped() -> None:
    client = FakeClient(lambda sent: None)

    async def test(bridge: Bridge) -> None:
        call = asyncio.ensure_future(bridge.call(1, b""))
        await sent(client, 1)
        client.answer(1, FakeAnswer(message=b"late"))
        call.cancel()
        bridge._look()
        with pytest.raises(asyncio.CancelledError):
            await call

    run(client, test)


def test_a_stream_delivers_until_the_last_answer() -> None:
    client = FakeClient(lambda sent: [FakeAnswer(message=b"a", last=False), FakeAnswer(message=b"b")])

    async def test(bridge: Bridge) -> None:
        stream = await bridge.stream(34, b"")
        assert [answer.message async for answer in stream] == [b"a", b"b"]
        stream.cancel()
        assert client.cancelled == []

    run(client, test)


def test_leaving_a_stream_early_gives_the_call_up() -> None:
    client = FakeClient(lambda sent: [FakeAnswer(message=b"a", last=False)])

    async def test(bridge: Bridge) -> None:
        stream = await bridge.stream(34, b"")
        assert (await anext(stream)).message == b"a"
        stream.cancel()
        stream.cancel()
        assert client.cancelled == [1]

    run(client, test)


def test_a_lost_engine_fails_what_is_pending_and_the_next_call_reconnects() -> None:
    clients = [FakeClient(lambda sent: None), FakeClient(lambda sent: [FakeAnswer(message=b"again")])]
    made = []

    def connect(name: str) -> FakeClient:
        made.append(name)
        return clients[len(made) - 1]

    async def body() -> None:
        bridge = Bridge(EngineLink("test", connect))
        call = asyncio.ensure_future(bridge.call(1, b""))
        stream = asyncio.ensure_future(_drain(await bridge.stream(34, b"")))
        await sent(clients[0], 2)
        clients[0].die()
        assert (await call).code == Code.UNAVAILABLE
        assert [answer.code for answer in await stream] == [Code.UNAVAILABLE]
        assert (await bridge.call(1, b"")).message == b"again"
        assert made == ["test", "test"]
        bridge.close()

    asyncio.run(asyncio.wait_for(body(), 20))


async def _drain(stream: Any) -> list[FakeAnswer]:
    return [answer async for answer in stream]


def test_callers_share_one_attempt_to_connect_and_its_error() -> None:
    attempts = []

    def connect(name: str) -> FakeClient:
        attempts.append(name)
        raise TritonError(Code.UNAVAILABLE, "nobody listens")

    async def body() -> None:
        bridge = Bridge(EngineLink("test", connect))
        results = await asyncio.gather(*(bridge.call(1, b"") for _ in range(3)), return_exceptions=True)
        assert [str(result) for result in results] == ["nobody listens"] * 3
        assert len(attempts) == 1
        with pytest.raises(TritonError):
            await bridge.call(1, b"")
        assert len(attempts) == 2

    asyncio.run(asyncio.wait_for(body(), 20))
