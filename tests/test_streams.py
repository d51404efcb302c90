"""Decoupled models over real sockets: zero to many answers, their order, errors, slow readers, clients that leave."""

from __future__ import annotations

import asyncio
import http.client
import json
import queue
import socket
import subprocess
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import pytest
import tritonclient.grpc as client_grpc
import tritonclient.grpc.aio as client_aio
import tritonclient.http as client_http
from scripted_engine import FINISH, ScriptedEngine, running, running_python, script_of, send
from tritonclient.utils import InferenceServerException

SECONDS = 30
NOT_EXACTLY_ONE = (
    "generate expects model to produce exactly 1 response, use generate stream for model that generates various number "
    "of responses"
)


@pytest.fixture(scope="module", params=[running, running_python], ids=["native", "python"])
def engine(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ScriptedEngine]:
    with request.param(tmp_path_factory.mktemp("streams")) as engine:
        yield engine


class Stream:
    """A stream of tritonclient's callback client."""

    def __init__(self, engine: ScriptedEngine) -> None:
        self._client = client_grpc.InferenceServerClient(engine.grpc)
        self._answers: queue.Queue[tuple[Any, Any]] = queue.Queue()
        self._client.start_stream(lambda result, error: self._answers.put((result, error)))

    def __enter__(self) -> Stream:
        return self

    def __exit__(self, *_: object) -> None:
        self._client.stop_stream()
        self._client.close()

    def ask(self, *steps: dict[str, Any], model: str = "script", request_id: str = "", **options: Any) -> None:
        tensor = client_grpc.InferInput("SCRIPT", [1], "BYTES")
        tensor.set_data_from_numpy(np.array([script_of(*steps).encode()], dtype=object))
        self._client.async_stream_infer(model, [tensor], request_id=request_id, **options)

    def ask_plain(self, value: int, request_id: str) -> None:
        tensor = client_grpc.InferInput("IN", [1], "INT32")
        tensor.set_data_from_numpy(np.array([value], np.int32))
        self._client.async_stream_infer("plain", [tensor], request_id=request_id)

    def answer(self) -> tuple[Any, Any]:
        return self._answers.get(timeout=SECONDS)

    def told(self) -> tuple[str, Any, bool]:
        """The next answer: request, OUT (None without; the text of an error), whether it is the final one."""
        result, error = self.answer()
        if error is not None:
            return "", error.message(), False
        response = result.get_response()
        out = result.as_numpy("OUT")
        final = response.parameters["triton_final_response"].bool_param
        return response.id, None if out is None else out.tolist(), final


@pytest.mark.parametrize("model", ["script", "ens"])
def test_zero_to_many_answers_and_their_final_flags(engine: ScriptedEngine, model: str) -> None:
    factor = 1 if model == "script" else 2  # The ensemble doubles what the script sends.
    with Stream(engine) as stream:
        ask = partial(stream.ask, model=model, enable_empty_final_response=True)
        ask(FINISH, request_id="none")
        assert stream.told() == ("none", None, True)
        ask(send(7, last=1), request_id="last")
        assert stream.told() == ("last", [7 * factor], True)
        # Slowly, so that the end is not known before the last answer has left.
        ask(send(1), {"sleep": 0.05}, send(2), {"sleep": 0.05}, FINISH, request_id="two")
        assert [stream.told() for _ in range(3)] == [
            ("two", [1 * factor], False),
            ("two", [2 * factor], False),
            ("two", None, True),
        ]
        stream.ask(FINISH, model=model, request_id="silent")
        stream.ask(send(1), {"sleep": 0.05}, FINISH, model=model, request_id="silent at the end")
        assert stream.told() == ("silent at the end", [factor], False)
        ask(FINISH, request_id="end")
        assert stream.told() == ("end", None, True)


def test_an_empty_final_answer_names_what_the_client_named(engine: ScriptedEngine) -> None:
    with Stream(engine) as stream:
        for version in ("", "1"):
            stream.ask(FINISH, request_id="r", model_version=version, enable_empty_final_response=True)
            response = stream.answer()[0].get_response()
            assert (response.model_name, response.model_version, response.id) == ("script", version, "r")
            assert not response.outputs


def test_parameters_of_responses(engine: ScriptedEngine) -> None:
    parameters = {"text": "t", "integer": -3, "yes": True}
    with Stream(engine) as stream:
        stream.ask(send(1, params=parameters, last=1))
        found = stream.answer()[0].get_response().parameters
        assert found.pop("triton_final_response").bool_param
        values = {name: getattr(value, value.WhichOneof("parameter_choice")) for name, value in found.items()}
        assert values == parameters


def test_an_error_is_an_answer_like_others(engine: ScriptedEngine) -> None:
    with Stream(engine) as stream:
        stream.ask(send(1), {"error": "once"}, send(2), {"error": "at last", "last": 1}, request_id="r")
        assert [stream.told()[1] for _ in range(4)] == [[1], "once", [2], "at last"]
        stream.ask(send(3, last=1))  # The stream goes on.
        assert stream.told()[1] == [3]


def script_request(*steps: dict[str, Any], **fields: Any) -> Any:
    request = client_grpc.service_pb2.ModelInferRequest(**{"model_name": "script", **fields})
    tensor = request.inputs.add(name="SCRIPT", datatype="BYTES", shape=[1])
    tensor.contents.bytes_contents.append(script_of(*steps).encode())
    return request


def test_the_message_of_an_error_says_whose_it_is(engine: ScriptedEngine) -> None:
    with grpc.insecure_channel(engine.grpc) as channel:
        stub = client_grpc.service_pb2_grpc.GRPCInferenceServiceStub(channel)
        request = script_request({"error": "no"}, FINISH, id="r")
        (answer,) = stub.ModelStreamInfer(iter([request]), timeout=SECONDS)
        assert answer.error_message == "no"
        assert (answer.infer_response.model_name, answer.infer_response.id) == ("script", "r")
        assert not answer.infer_response.parameters["triton_final_response"].bool_param
        # With triton_grpc_error the first error of a model is the end of the stream.
        with pytest.raises(grpc.RpcError) as raised:
            list(stub.ModelStreamInfer(iter([request]), metadata=(("triton_grpc_error", "true"),), timeout=SECONDS))
        assert (raised.value.code(), raised.value.details()) == (grpc.StatusCode.INTERNAL, "no")


def test_requests_of_one_stream_interleave_and_models_that_answer_once_keep_their_order(engine: ScriptedEngine) -> None:
    with Stream(engine) as stream:
        stream.ask_plain(-800, "slow")
        stream.ask_plain(4, "quick")
        stream.ask(send(1), {"sleep": 0.4}, send(2, last=1), request_id="a")
        stream.ask({"sleep": 0.2}, send(3, last=1), request_id="b")
        assert [stream.told()[:2] for _ in range(5)] == [
            ("a", [1]),
            ("b", [3]),
            ("a", [2]),
            ("slow", [-1600]),
            ("quick", [8]),
        ]


def test_an_ensemble_ends_with_the_first_error(engine: ScriptedEngine) -> None:
    with Stream(engine) as stream:
        stream.ask(send(1), {"sleep": 0.1}, send(666), {"sleep": 0.1}, send(2), FINISH, model="ens")
        assert stream.told()[1] == [2]
        assert stream.told()[1] == "in ensemble 'ens', plain says no"
        stream.ask(send([1, 2], text="both"), FINISH, model="ens_two")
        result = stream.answer()[0]
        assert (result.as_numpy("OUT").tolist(), result.as_numpy("RAW").tolist()) == ([2, 4], [1, 2])
        assert result.as_numpy("TEXT").tolist() == [b"both"]


def test_asyncio(engine: ScriptedEngine) -> None:
    async def body() -> list[Any]:
        tensor = client_grpc.InferInput("SCRIPT", [1], "BYTES")
        tensor.set_data_from_numpy(np.array([script_of(*map(send, range(5)), FINISH).encode()], dtype=object))

        async def requests() -> Any:
            yield {"model_name": "script", "inputs": [tensor]}

        async with client_aio.InferenceServerClient(engine.grpc) as client:
            return [result.as_numpy("OUT").item() async for result, _ in client.stream_infer(requests())]

    assert asyncio.run(asyncio.wait_for(body(), SECONDS)) == [0, 1, 2, 3, 4]


def test_unary_calls_are_refused(engine: ScriptedEngine) -> None:
    tensor = np.array([script_of(FINISH).encode()], dtype=object)
    for model in ("script", "ens"):
        with client_grpc.InferenceServerClient(engine.grpc) as client:
            given = client_grpc.InferInput("SCRIPT", [1], "BYTES")
            given.set_data_from_numpy(tensor)
            with pytest.raises(InferenceServerException) as raised:
                client.infer(model, [given])
            assert raised.value.status() == "StatusCode.UNIMPLEMENTED"
            assert raised.value.message() == "ModelInfer RPC doesn't support models with decoupled transaction policy"
        with client_http.InferenceServerClient(engine.http) as client:
            given = client_http.InferInput("SCRIPT", [1], "BYTES")
            given.set_data_from_numpy(tensor)
            with pytest.raises(InferenceServerException) as raised:
                client.infer(model, [given])
            assert raised.value.message() == "HTTP end point doesn't support models with decoupled transaction policy"
        # Before anything is said of the body.
        assert post(engine, f"/v2/models/{model}/infer", "no JSON")[:2] == (501, "text/plain")


def post(engine: ScriptedEngine, path: str, body: str) -> tuple[int, str, str]:
    connection = http.client.HTTPConnection(engine.http, timeout=SECONDS)
    try:
        connection.request("POST", path, body)
        response = connection.getresponse()
        return response.status, response.headers["Content-Type"], response.read().decode()
    finally:
        connection.close()


def generate(engine: ScriptedEngine, kind: str, *steps: dict[str, Any], model: str = "script") -> tuple[int, str, str]:
    return post(engine, f"/v2/models/{model}/{kind}", json.dumps({"SCRIPT": script_of(*steps)}))


def test_generate_takes_exactly_one_answer(engine: ScriptedEngine) -> None:
    one = '{"OUT":1,"model_name":"script","model_version":"1"}'
    refused = f'{{"error":"{NOT_EXACTLY_ONE}"}}'
    assert generate(engine, "generate", send(1), FINISH) == (200, "application/json", one)
    assert generate(engine, "generate", send(1, last=1)) == (200, "application/json", one)
    assert generate(engine, "generate", FINISH) == (200, "application/json", refused)
    assert generate(engine, "generate", send(1, times=3), FINISH) == (200, "application/json", refused)
    assert generate(engine, "generate", send(1), {"error": "no"}, FINISH) == (200, "application/json", refused)
    assert generate(engine, "generate", {"error": "no"}, FINISH) == (400, "application/json", '{"error":"no"}')
    status, _, body = generate(engine, "generate", send(1), FINISH, model="ens")
    assert (status, json.loads(body)["OUT"]) == (200, 2)


def test_generate_stream_sends_an_event_for_each_answer(engine: ScriptedEngine) -> None:
    events = "text/event-stream; charset=utf-8"
    said = 'data: {"OUT":%d,"model_name":"script","model_version":"1"}\n\n'
    assert generate(engine, "generate_stream", FINISH) == (200, events, "")
    assert generate(engine, "generate_stream", send(1), send(2), FINISH) == (200, events, said % 1 + said % 2)
    assert generate(engine, "generate_stream", send(1, last=1)) == (200, events, said % 1)
    error = 'data: {"error":"with \\"quotes\\""}\n\n'
    failing = {"error": 'with "quotes"'}
    assert generate(engine, "generate_stream", send(1), failing, send(2), FINISH) == (
        200,
        events,
        said % 1 + error + said % 2,
    )
    # The first answer decides about the status.
    assert generate(engine, "generate_stream", failing, send(2), FINISH) == (400, events, error + said % 2)
    text = 'data: {"OUT":[1,2],"TEXT":"hé","model_name":"script","model_version":"1"}\n\n'
    assert generate(engine, "generate_stream", send([1, 2], text="hé"), FINISH) == (200, events, text)


class Events:
    """A reader of server-sent events that reads when it is asked to."""

    def __init__(self, engine: ScriptedEngine, *steps: dict[str, Any]) -> None:
        body = json.dumps({"SCRIPT": script_of(*steps)}).encode()
        self._socket = socket.create_connection(("127.0.0.1", engine.http_port), timeout=SECONDS)
        head = f"POST /v2/models/script/generate_stream HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n\r\n"
        self._socket.sendall(head.encode() + body)
        self._file = self._socket.makefile("rb")

    def __enter__(self) -> Events:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()
        self._socket.close()

    def __iter__(self) -> Iterator[Any]:
        for line in self._file:
            if line.startswith(b"data: "):
                yield json.loads(line[len(b"data: ") :])
            elif line == b"0\r\n":  # The last chunk.
                return


def test_events_come_as_they_are_sent_and_a_reader_that_leaves_cancels(engine: ScriptedEngine) -> None:
    with Events(engine, send(1), {"wait_cancel": SECONDS}, FINISH) as events:
        assert next(iter(events))["OUT"] == 1
    assert engine.await_line("") == "cancelled"


def test_a_model_that_takes_its_time_is_not_taken_for_one_whose_reader_has_left(engine: ScriptedEngine) -> None:
    slowly = [step for value in range(3) for step in ({"sleep": 0.2}, send(value))]
    with Events(engine, *slowly, {"wait_cancel": 0.2}, FINISH) as events:
        assert [event["OUT"] for event in events] == [0, 1, 2]
    assert engine.await_line("") == "not cancelled"


def test_a_worker_of_threads_sees_when_it_writes_that_its_reader_has_left(tmp_path: Path) -> None:
    with running(tmp_path, "gthread") as engine:
        with Events(engine, send(1, times=10_000_000, big=1000), {"wait_cancel": 0}, FINISH) as events:
            assert len(next(iter(events))["OUT"]) == 1000
        assert engine.await_line("cancelled") == "cancelled"


def test_a_client_that_ends_its_stream_cancels_what_runs_for_it(engine: ScriptedEngine) -> None:
    for model in ("script", "ens"):
        steps = ({"say": "runs"}, send(1), {"wait_cancel": SECONDS}, FINISH)
        request = script_request(*steps, model_name=model)
        with grpc.insecure_channel(engine.grpc) as channel:
            stub = client_grpc.service_pb2_grpc.GRPCInferenceServiceStub(channel)
            call = stub.ModelStreamInfer(iter([request, request]), timeout=SECONDS)
            next(call)
            for _ in range(2):
                engine.await_line("runs")
            call.cancel()
            assert [engine.await_line("") for _ in range(2)] == ["cancelled"] * 2


_CLIENT = """
import sys
import numpy as np
import tritonclient.grpc as client_grpc
tensor = client_grpc.InferInput("SCRIPT", [1], "BYTES")
tensor.set_data_from_numpy(np.array([sys.argv[2].encode()], dtype=object))
client = client_grpc.InferenceServerClient(sys.argv[1])
client.start_stream(lambda result, error: print("answered", flush=True))
client.async_stream_infer("script", [tensor])
sys.stdin.read()
"""


def test_a_connection_that_breaks_cancels_what_runs_for_it(engine: ScriptedEngine) -> None:
    script = script_of(send(1), {"wait_cancel": SECONDS}, FINISH)
    command = [sys.executable, "-c", _CLIENT, engine.grpc, script]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as client:
        assert client.stdout is not None
        assert client.stdout.readline() == "answered\n"
        client.kill()
    assert engine.await_line("") == "cancelled"


def test_a_finished_writer_still_gets_its_answers(engine: ScriptedEngine) -> None:
    """Half-closing is no cancellation."""
    with Stream(engine) as stream:
        stream.ask({"sleep": 0.2}, send(1), {"wait_cancel": 0}, FINISH)
        stream._client.stop_stream()
        assert stream.told()[1] == [1]
    assert engine.await_line("") == "not cancelled"


MEGABYTE = 1 << 20
COUNT = 400


def large_answers(count: int = COUNT) -> tuple[dict[str, Any], ...]:
    return (send(5, big=MEGABYTE // 4, times=count), {"say": "sent all"}, FINISH)


def test_a_slow_reader_of_a_stream_holds_its_model_up_and_nothing_else(engine: ScriptedEngine) -> None:
    known = "grpc" in engine.process_ids
    before = engine.resident_bytes("grpc") if known else 0
    request = script_request(*large_answers())
    with grpc.insecure_channel(engine.grpc) as channel:
        stub = client_grpc.service_pb2_grpc.GRPCInferenceServiceStub(channel)
        call = stub.ModelStreamInfer(iter([request]), timeout=4 * SECONDS)
        sent = engine.await_stall()
        assert sent < COUNT / 4
        assert not known or engine.resident_bytes("grpc") - before < COUNT / 4 * MEGABYTE
        # Others are served meanwhile, on the same connection and beside it.
        with Stream(engine) as other:
            other.ask(send(1, times=500), FINISH)
            assert [other.told()[1] for _ in range(500)] == [[1]] * 500
        (answer,) = stub.ModelStreamInfer(iter([plain_request(21)]), timeout=SECONDS)
        assert np.frombuffer(answer.infer_response.raw_output_contents[0], np.int32).tolist() == [42]
        answers = [len(answer.infer_response.raw_output_contents[0]) for answer in call]
        assert answers == [MEGABYTE] * COUNT
        engine.await_line("sent all")


def plain_request(value: int) -> Any:
    request = client_grpc.service_pb2.ModelInferRequest(model_name="plain")
    request.inputs.add(name="IN", datatype="INT32", shape=[1]).contents.int_contents.append(value)
    return request


@pytest.mark.parametrize("worker", ["asgi", "gthread"])
def test_a_slow_reader_of_events_holds_its_model_up(tmp_path: Path, worker: str) -> None:
    with running(tmp_path, worker) as engine:
        count = 200
        with Events(engine, *large_answers(count)) as events:
            assert engine.await_stall() < count / 2
            assert generate(engine, "generate", send(1), FINISH)[0] == 200
            assert [len(event["OUT"]) for event in events] == [MEGABYTE // 4] * count
        engine.await_line("sent all")


def test_a_slow_reader_that_leaves_lets_its_model_go(engine: ScriptedEngine) -> None:
    steps = (send(5, big=MEGABYTE, times=1000), {"wait_cancel": SECONDS}, FINISH)
    with Events(engine, *steps):
        engine.await_stall()
    assert engine.await_line("cancelled") == "cancelled"
    with grpc.insecure_channel(engine.grpc) as channel:
        stub = client_grpc.service_pb2_grpc.GRPCInferenceServiceStub(channel)
        call = stub.ModelStreamInfer(iter([script_request(*steps)]), timeout=4 * SECONDS)
        engine.await_stall()
        call.cancel()
        assert engine.await_line("cancelled") == "cancelled"


def test_the_size_of_the_response_pool_bounds_what_waits(tmp_path: Path) -> None:
    sent = {}
    request = script_request(send(5, big=1 << 14, times=2000), {"say": "sent all"}, FINISH)
    for size in (1, 64):
        options = [f"--grpc-max-response-pool-size={size}"]
        with running(tmp_path, grpc_options=options) as engine, grpc.insecure_channel(engine.grpc) as channel:
            stub = client_grpc.service_pb2_grpc.GRPCInferenceServiceStub(channel)
            call = stub.ModelStreamInfer(iter([request]), timeout=4 * SECONDS)
            sent[size] = engine.await_stall()
            assert sum(1 for _ in call) == 2000
            engine.await_line("sent all")
    assert sent[1] < sent[64] - 32
