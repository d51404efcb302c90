"""frontends/grpc/server.py, inference.py, streaming.py, health.py: a server on a real port, an engine of our own."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Callable, Coroutine
from typing import Any

import grpc
import grpc.aio
import pytest
from fakes import FakeAnswer, FakeClient, Sent

from triton_lite.errors import Code, TritonError
from triton_lite.frontends.grpc import inference, streaming
from triton_lite.frontends.grpc.options import GrpcOptions
from triton_lite.frontends.grpc.server import GrpcServer
from triton_lite.frontends.link import EngineLink
from triton_lite.proto import METHODS, MethodNumber, messages

_SERVICE = "/inference.GRPCInferenceService/"


def respond(sent: Sent) -> list[FakeAnswer] | None:
    if sent.method == MethodNumber.SERVER_READY:
        return [FakeAnswer(message=messages.ServerReadyResponse(ready=True).SerializeToString())]
    if sent.method not in (MethodNumber.MODEL_INFER, MethodNumber.MODEL_STREAM_INFER):
        return [FakeAnswer(code=12, text=f"method {sent.method}")]
    request = messages.ModelInferRequest.FromString(sent.message)
    head = messages.ModelInferResponse(id=request.id, model_name=request.model_name).SerializeToString()
    if request.model_name == "refused":
        return [FakeAnswer(code=3, text="wrong shape, é")]
    if request.model_name == "fails":
        return [FakeAnswer(code=13, text="it failed", segments=[memoryview(head)])]
    if request.model_name == "many":
        return [FakeAnswer(message=head, last=False, many=True) for _ in range(2)] + [FakeAnswer(many=True)]
    if request.model_name == "open":
        return None
    return [FakeAnswer(message=head, segments=[memoryview(raw) for raw in request.raw_input_contents])]


class World:
    """A server with its channel, on the running loop."""

    def __init__(self, client: FakeClient, channel: grpc.aio.Channel) -> None:
        self.client = client
        self.channel = channel

    async def call(self, method: str, request: Any, **options: Any) -> Any:
        serialized = request if isinstance(request, bytes) else request.SerializeToString()
        path = method if method.startswith("/") else _SERVICE + method
        return await self.channel.unary_unary(path)(serialized, **options)

    def stream(self, requests: Any, **options: Any) -> Any:
        return self.channel.stream_stream(
            _SERVICE + "ModelStreamInfer",
            request_serializer=lambda request: request.SerializeToString(),
            response_deserializer=messages.ModelStreamInferResponse.FromString,
        )(requests, **options)

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait for calls to be sent or cancelled until the condition holds."""
        changed = asyncio.Event()
        self.client.changed = changed.set
        while not condition():
            changed.clear()
            await changed.wait()

    async def sent(self, count: int) -> None:
        await self.until(lambda: len(self.client.sent) >= count)


def run(test: Callable[[World], Coroutine[Any, Any, None]], **options: Any) -> None:
    async def body() -> None:
        client = FakeClient(respond)
        made = GrpcOptions(address="127.0.0.1", port=0, exit_timeout_secs=0, **options)
        server = GrpcServer(made, EngineLink("grpc", lambda name: client))
        port = await server.start()
        unlimited = (("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1))
        async with grpc.aio.insecure_channel(f"127.0.0.1:{port}", options=unlimited) as channel:
            await test(World(client, channel))
        await server.stop()

    asyncio.run(asyncio.wait_for(body(), 60))


def infer(model: str, request_id: str = "", *raw: bytes) -> Any:
    return messages.ModelInferRequest(model_name=model, id=request_id, raw_input_contents=raw)


def test_every_method_is_relayed_with_its_status() -> None:
    async def test(world: World) -> None:
        for name, method in METHODS.items():
            if name in ("ModelInfer", "ModelStreamInfer", "ServerReady"):
                continue
            with pytest.raises(grpc.aio.AioRpcError) as raised:
                await world.call(name, b"")
            assert (raised.value.code(), raised.value.details()) == (
                grpc.StatusCode.UNIMPLEMENTED,
                f"method {int(method.number)}",
            )
        assert messages.ServerReadyResponse.FromString(await world.call("ServerReady", b"")).ready
        with pytest.raises(grpc.aio.AioRpcError) as raised:
            await world.call("NoSuchMethod", b"")
        assert raised.value.code() == grpc.StatusCode.UNIMPLEMENTED

    run(test)


@pytest.mark.parametrize("compression", [None, grpc.Compression.Gzip, grpc.Compression.Deflate])
def test_infer(compression: grpc.Compression | None) -> None:
    async def test(world: World) -> None:
        answer = await world.call("ModelInfer", infer("m", "7", b"", bytes(9 << 20)), compression=compression)
        response = messages.ModelInferResponse.FromString(answer)
        assert (response.id, list(response.raw_output_contents)) == ("7", [b"", bytes(9 << 20)])
        with pytest.raises(grpc.aio.AioRpcError) as raised:
            await world.call("ModelInfer", infer("refused"))
        assert (raised.value.code(), raised.value.details()) == (grpc.StatusCode.INVALID_ARGUMENT, "wrong shape, é")

    run(test, compression=compression or grpc.Compression.NoCompression)


def test_a_deadline_and_a_cancelled_call_reach_the_engine() -> None:
    async def test(world: World) -> None:
        with pytest.raises(grpc.aio.AioRpcError) as raised:
            await world.call("ModelInfer", infer("open"), timeout=0.1)
        assert raised.value.code() == grpc.StatusCode.DEADLINE_EXCEEDED
        call = world.channel.unary_unary(_SERVICE + "ModelInfer")(infer("open").SerializeToString())
        await world.sent(2)
        call.cancel()
        await world.until(lambda: len(world.client.cancelled) >= 2)
        assert world.client.cancelled == [1, 2]

    run(test)


def test_without_an_engine_calls_are_unavailable() -> None:
    def refuse(name: str) -> FakeClient:
        raise TritonError(Code.UNAVAILABLE, "nobody listens")

    async def body() -> None:
        server = GrpcServer(GrpcOptions(address="127.0.0.1", port=0, exit_timeout_secs=0), EngineLink("grpc", refuse))
        port = await server.start()
        async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
            world = World(FakeClient(respond), channel)
            for method in ("ModelInfer", "ServerLive", "/grpc.health.v1.Health/Check"):
                with pytest.raises(grpc.aio.AioRpcError) as raised:
                    await world.call(method, b"")
                assert (raised.value.code(), raised.value.details()) == (grpc.StatusCode.UNAVAILABLE, "nobody listens")
            (answer,) = [answer async for answer in world.stream([infer("m", "1")])]
            assert (answer.error_message, answer.infer_response.id) == ("nobody listens", "1")
        await server.stop()

    asyncio.run(asyncio.wait_for(body(), 30))


def test_a_stream_keeps_the_order_of_its_requests() -> None:
    async def test(world: World) -> None:
        call = world.stream(infer("open", str(number)) for number in range(5))
        await world.sent(5)
        for number in (4, 2, 1, 5, 3):
            head = messages.ModelInferResponse(id=str(number - 1)).SerializeToString()
            world.client.answer(number, FakeAnswer(message=head))
        assert [answer.infer_response.id async for answer in call] == ["0", "1", "2", "3", "4"]

    run(test)


def test_answers_of_models_that_answer_often_come_as_they_are_ready() -> None:
    async def test(world: World) -> None:
        call = world.stream([infer("open", "slow"), infer("many", "many")])
        await world.sent(2)
        answers = [(await call.read()).infer_response.id for _ in range(2)]
        assert answers == ["many", "many"]
        head = messages.ModelInferResponse(id="slow").SerializeToString()
        world.client.answer(1, FakeAnswer(message=head))
        assert (await call.read()).infer_response.id == "slow"
        assert await call.read() is grpc.aio.EOF

    run(test)


def test_the_only_answer_of_a_decoupled_model_does_not_wait_for_others_either() -> None:
    async def test(world: World) -> None:
        call = world.stream([infer("open", request_id) for request_id in ("slow", "once", "never", "bad")])
        await world.sent(4)
        head = messages.ModelInferResponse(id="once").SerializeToString()
        world.client.answer(3, FakeAnswer(many=True))
        world.client.answer(2, FakeAnswer(message=head, many=True))
        world.client.answer(4, FakeAnswer(code=3, text="refused", many=True))
        assert (await call.read()).infer_response.id == "once"
        assert (await call.read()).error_message == "refused"
        world.client.answer(1, FakeAnswer(message=messages.ModelInferResponse(id="slow").SerializeToString()))
        assert (await call.read()).infer_response.id == "slow"
        assert await call.read() is grpc.aio.EOF

    run(test)


def test_an_error_in_the_middle_does_not_end_the_answers() -> None:
    async def test(world: World) -> None:
        call = world.stream([infer("open", "1")])
        await world.sent(1)
        head = messages.ModelInferResponse(id="1", model_name="m").SerializeToString()
        failure = FakeAnswer(code=13, text="once", segments=[memoryview(head)], last=False, many=True)
        world.client.answer(1, failure)
        answer = await call.read()
        assert (answer.error_message, answer.infer_response.model_name) == ("once", "m")
        world.client.answer(1, FakeAnswer(message=head, many=True))
        assert (await call.read()).error_message == ""
        assert await call.read() is grpc.aio.EOF

    run(test)


def test_answers_are_acknowledged_when_they_were_written() -> None:
    async def test(world: World) -> None:
        call = world.stream([infer("open", "1")])
        await world.sent(1)
        large = messages.ModelInferResponse(id="x" * (4 << 20)).SerializeToString()
        answers = [FakeAnswer(message=large, last=False, many=True) for _ in range(3)] + [FakeAnswer(many=True)]
        for answer in answers:
            world.client.answer(1, answer)
        await call.read()
        # What nobody reads fills the connection's window, and is not written.
        assert not answers[2].acknowledged
        while await call.read() is not grpc.aio.EOF:
            pass
        assert [answer.acknowledged for answer in answers] == [True] * 4

    run(test)


def test_errors_stay_inside_the_stream() -> None:
    async def test(world: World) -> None:
        call = world.stream(
            [infer("refused", "r"), infer("fails", "f"), infer("m", "m"), infer("refused", "", bytes(1 << 17))]
        )
        answers = [answer async for answer in call]
        assert [(answer.error_message, answer.infer_response.id) for answer in answers] == [
            ("wrong shape, é", "r"),
            ("it failed", "f"),
            ("", "m"),
            ("wrong shape, é", ""),
        ]
        assert not answers[0].infer_response.model_name
        assert answers[1].infer_response.model_name == "fails"
        assert all(answer.HasField("infer_response") for answer in answers)

    run(test)


def test_with_triton_grpc_error_a_failure_of_the_model_ends_the_stream() -> None:
    async def test(world: World) -> None:
        call = world.stream([infer("refused"), infer("fails"), infer("m")], metadata=[("triton_grpc_error", "true")])
        assert (await call.read()).error_message == "wrong shape, é"
        with pytest.raises(grpc.aio.AioRpcError) as raised:
            await call.read()
        assert (raised.value.code(), raised.value.details()) == (grpc.StatusCode.INTERNAL, "it failed")

    run(test)


def test_a_stream_has_a_bounded_backlog() -> None:
    async def test(world: World) -> None:
        async def requests() -> AsyncIterator[Any]:
            for number in range(6):
                yield infer("open", str(number))

        call = world.stream(requests())
        await world.sent(2)
        for number in range(1, 7):
            assert len(world.client.sent) <= number + 1
            world.client.answer(number, FakeAnswer(message=messages.ModelInferResponse(id="x").SerializeToString()))
            await call.read()
            await world.sent(min(6, number + 2))
        assert await call.read() is grpc.aio.EOF

    run(test, stream_backlog=2)


def test_a_cancelled_stream_gives_its_requests_up() -> None:
    async def test(world: World) -> None:
        call = world.stream([infer("open"), infer("m"), infer("open")])
        await world.sent(3)
        call.cancel()
        await world.until(lambda: len(world.client.cancelled) >= 2)
        assert world.client.cancelled == [1, 3]

    run(test)


def test_forwarded_headers_become_parameters() -> None:
    async def test(world: World) -> None:
        await world.call("ModelInfer", infer("m", "1"), metadata=[("x-my-header", "v"), ("other", "o")])
        request = messages.ModelInferRequest.FromString(world.client.sent[0].message)
        assert {name: value.string_param for name, value in request.parameters.items()} == {"x-my-header": "v"}
        assert request.id == "1"
        with pytest.raises(grpc.aio.AioRpcError) as raised:
            await world.call("ModelInfer", infer("m"), metadata=[("timeout", "3")])
        text = "Header 'timeout' is reserved for Triton usage and cannot be forwarded."
        assert (raised.value.code(), raised.value.details()) == (grpc.StatusCode.INVALID_ARGUMENT, text)

    run(test, header_forward_pattern=re.compile("^x-my|^time"))


def test_health() -> None:
    async def test(world: World) -> None:
        assert await world.call("/grpc.health.v1.Health/Check", b"") == b"\x08\x01"
        watch = world.channel.unary_stream("/grpc.health.v1.Health/Watch")(b"")
        assert await watch.read() == b"\x08\x01"
        watch.cancel()
        world.client.respond = lambda sent: [FakeAnswer()]
        assert await world.call("/grpc.health.v1.Health/Check", b"") == b"\x08\x02"

    run(test)


def test_a_taken_port_is_an_error() -> None:
    async def body() -> None:
        link = EngineLink("grpc", lambda name: FakeClient(respond))
        first = GrpcServer(GrpcOptions(address="127.0.0.1", port=0, exit_timeout_secs=0), link)
        port = await first.start()
        second = GrpcServer(GrpcOptions(address="127.0.0.1", port=port, exit_timeout_secs=0), link)
        with pytest.raises(OSError, match=f"Socket '127.0.0.1:{port}' already in use"):
            await second.start()
        await first.stop()

    asyncio.run(asyncio.wait_for(body(), 30))


@pytest.mark.parametrize("by_peer", [True, False])
@pytest.mark.parametrize("local", [True, False])
def test_regions_are_denied_to_clients_elsewhere(monkeypatch: pytest.MonkeyPatch, by_peer: bool, local: bool) -> None:
    asked: list[str] = []

    def is_local(peer: str) -> bool:
        asked.append(peer)
        return local

    for module in (inference, streaming):
        monkeypatch.setattr(module, "is_local_grpc", is_local)

    named = infer("m")
    named.outputs.add(name="OUT").parameters["shared_memory_region"].string_param = "region"

    async def test(world: World) -> None:
        await world.call("ModelInfer", named)
        assert [answer.error_message async for answer in world.stream([infer("m"), infer("m")])] == ["", ""]
        with pytest.raises(grpc.aio.AioRpcError):
            await world.call("SystemSharedMemoryUnregister", b"")
        assert [sent.method for sent in world.client.sent] == [6, 7, 7, 15]
        assert {sent.regions_denied for sent in world.client.sent} == {by_peer and not local}
        assert all(peer.startswith("ipv4:127.0.0.1:") for peer in asked)
        assert bool(asked) == by_peer

    run(test, regions_by_peer=by_peer)


def test_only_who_may_name_a_region_is_asked_where_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    monkeypatch.setattr(inference, "is_local_grpc", lambda peer: bool(asked.append(peer)))

    async def test(world: World) -> None:
        await world.call("ModelInfer", infer("m"))
        assert not asked
        await world.call("ModelInfer", infer("m", "", bytes(8192)))  # Large enough to be looked at no further.
        assert len(asked) == 1
        assert [sent.regions_denied for sent in world.client.sent] == [False, True]

    run(test, regions_by_peer=True)
