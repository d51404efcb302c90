"""Clients that give up: their requests leave the queue, and a model that runs for nobody else stops."""

from __future__ import annotations

import json
import re
import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import grpc
import onnx
import pytest
from living_server import ask, slow_request, until, write_slow
from onnx import TensorProto, helper
from server_process import ServerProcess, serve

from triton_lite.proto import METHODS

INFER = "/inference.GRPCInferenceService/ModelInfer"
STREAM = "/inference.GRPCInferenceService/ModelStreamInfer"
DYNAMIC = "dynamic_batching { }"
DIRECT = "sequence_batching { direct { } max_sequence_idle_microseconds: 600000000 }"
OLDEST = "sequence_batching { oldest { max_candidate_sequences: 1 } max_sequence_idle_microseconds: 600000000 }"


def write_loop(repository: Path, name: str, words: bool = False) -> None:
    """Add an ONNX model that counts to INPUT0; words: and says how many INPUT1 has, which takes long to be brought."""
    body = helper.make_graph(
        [helper.make_node("Add", ["x", "one"], ["y"]), helper.make_node("Identity", ["go_on"], ["goes_on"])],
        "body",
        [
            helper.make_tensor_value_info("round", TensorProto.INT64, []),
            helper.make_tensor_value_info("go_on", TensorProto.BOOL, []),
            helper.make_tensor_value_info("x", TensorProto.INT64, [1]),
        ],
        [
            helper.make_tensor_value_info("goes_on", TensorProto.BOOL, []),
            helper.make_tensor_value_info("y", TensorProto.INT64, [1]),
        ],
        [helper.make_tensor("one", TensorProto.INT64, [1], [1])],
    )
    nodes = [
        helper.make_node("Squeeze", ["INPUT0"], ["rounds"]),
        helper.make_node("Loop", ["rounds", "", "zero"], ["OUTPUT0"], body=body),
    ]
    inputs = [helper.make_tensor_value_info("INPUT0", TensorProto.INT64, [1])]
    outputs = [helper.make_tensor_value_info("OUTPUT0", TensorProto.INT64, [1])]
    if words:
        nodes.append(helper.make_node("Size", ["INPUT1"], ["OUTPUT1"]))
        inputs.append(helper.make_tensor_value_info("INPUT1", TensorProto.STRING, [None]))
        outputs.append(helper.make_tensor_value_info("OUTPUT1", TensorProto.INT64, []))
    graph = helper.make_graph(
        nodes, "count", inputs, outputs, [helper.make_tensor("zero", TensorProto.INT64, [1], [0])]
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    (repository / name / "1").mkdir(parents=True)
    onnx.save(model, str(repository / name / "1" / "model.onnx"))
    (repository / name / "config.pbtxt").write_text('backend: "onnxruntime" instance_group { count: 1 }')


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    repository = tmp_path_factory.mktemp("cancellation")
    write_slow(repository, "plain", 600_000)
    write_slow(repository, "dynamic", 600_000, more=DYNAMIC)
    write_loop(repository, "count")
    write_loop(repository, "count_words", words=True)
    with serve(str(repository)) as running:
        yield running


def number_of(server: ServerProcess, metric: str) -> int:
    _, text = ask(f"127.0.0.1:{server.metrics_port}", "/metrics")
    found = re.search(re.escape(metric) + r" (\d+)", text.decode())
    return int(found[1]) if found else 0


def waiting(server: ServerProcess, model: str) -> int:
    return number_of(server, f'nv_inference_pending_request_count{{model="{model}",version="1"}}')


def cancelled(server: ServerProcess, model: str) -> int:
    return number_of(server, f'nv_inference_request_failure{{model="{model}",reason="CANCELED",version="1"}}')


GiveUp = Callable[[], None]
FOR_EVER = 1 << 60
WORDS = 200_000


def count_to(rounds: int) -> dict[str, Any]:
    return {"inputs": [{"name": "INPUT0", "datatype": "INT64", "shape": [1], "data": [rounds]}]}


def encoded(model: str, body: dict[str, Any]) -> bytes:
    request = METHODS["ModelInfer"].request(model_name=model)
    for tensor in body["inputs"]:
        one = request.inputs.add(name=tensor["name"], datatype=tensor["datatype"], shape=tensor["shape"])
        if tensor["datatype"] == "BYTES":
            raw = b"".join(len(word).to_bytes(4, "little") + word.encode() for word in tensor["data"])
        else:
            width = 8 if tensor["datatype"] == "INT64" else 1
            raw = b"".join(value.to_bytes(width, "little") for value in tensor["data"])
        request.raw_input_contents.append(raw)
        assert one.name
    for name, value in body.get("parameters", {}).items():
        one_of = "bool_param" if isinstance(value, bool) else "int64_param"
        setattr(request.parameters[name], one_of, value)
    return request.SerializeToString()


def hang_up(server: ServerProcess, model: str, body: dict[str, Any]) -> GiveUp:
    text = json.dumps(body).encode()
    client = socket.create_connection(("127.0.0.1", server.http_port))
    head = f"POST /v2/models/{model}/infer HTTP/1.1\r\nHost: x\r\nContent-Length: {len(text)}\r\n\r\n"
    client.sendall(head.encode() + text)
    return client.close


def cancel_call(server: ServerProcess, model: str, body: dict[str, Any]) -> GiveUp:
    channel = grpc.insecure_channel(server.grpc)
    call = channel.unary_unary(INFER).future(encoded(model, body))

    def give_up() -> None:
        call.cancel()

    return give_up


def end_stream(server: ServerProcess, model: str, body: dict[str, Any]) -> GiveUp:
    channel = grpc.insecure_channel(server.grpc)
    over = ThreadPoolExecutor(1)
    ended: list[bool] = []

    def requests() -> Iterator[bytes]:
        yield encoded(model, body)
        until(lambda: ended, "nobody ends the stream")

    call = channel.stream_stream(STREAM)(requests())

    def give_up() -> None:
        call.cancel()
        ended.append(True)
        over.shutdown()

    return give_up


WAYS = [hang_up, cancel_call, end_stream]


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
@pytest.mark.parametrize("model", ["plain", "dynamic"])
def test_given_up_requests_leave_the_queue_and_stop_what_runs(
    server: ServerProcess, model: str, way: Callable[..., GiveUp]
) -> None:
    before = cancelled(server, model)
    running = way(server, model, slow_request())
    queued = way(server, model, slow_request())
    until(lambda: waiting(server, model) == 1, "it does not wait")
    queued()
    begin = time.monotonic()
    until(lambda: waiting(server, model) == 0, "it stays in the queue")
    print(f"{way.__name__}: out of the queue after {(time.monotonic() - begin) * 1e3:.0f} ms")
    until(lambda: cancelled(server, model) == before + 1, "it was not counted")
    running()
    # It takes ten minutes, were it not stopped.
    until(lambda: cancelled(server, model) == before + 2, "the model does not stop")


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
def test_a_running_onnx_model_is_stopped(server: ServerProcess, way: Callable[..., GiveUp]) -> None:
    assert ask(server.http, "/v2/models/count/infer", count_to(1000))[1]["outputs"][0]["data"] == [1000]
    before = cancelled(server, "count")
    give_up = way(server, "count", count_to(FOR_EVER))
    other = way(server, "count", count_to(FOR_EVER))
    until(lambda: waiting(server, "count") == 1, "it does not run")
    give_up()  # This one runs, or else the other.
    until(lambda: cancelled(server, "count") == before + 1, "the model does not stop")
    other()
    until(lambda: cancelled(server, "count") == before + 2, "the model does not stop")
    assert ask(server.http, "/v2/models/count/infer", count_to(7))[1]["outputs"][0]["data"] == [7]


def test_a_model_is_stopped_whenever_its_client_leaves(server: ServerProcess) -> None:
    """Also while what it is asked is brought to it: then it has left the queue, and does not run yet."""
    words = {"name": "INPUT1", "datatype": "BYTES", "shape": [WORDS], "data": ["word"] * WORDS}

    def counting(rounds: int) -> bytes:
        return encoded("count_words", {"inputs": [*count_to(rounds)["inputs"], words]})

    pause = threading.Event()
    with grpc.insecure_channel(server.grpc) as channel:
        infer = channel.unary_unary(INFER)
        for_ever, few = counting(FOR_EVER), counting(7)
        for number in range(20):
            call = infer.future(for_ever)
            pause.wait(number * 0.25e-3)
            call.cancel()
            # Nobody would answer if it still ran. Each time: who else gives up would have it stopped, too.
            answer = METHODS["ModelInfer"].response.FromString(infer(few, timeout=20))
            assert answer.raw_output_contents[0] == (7).to_bytes(8, "little")


@pytest.fixture(scope="module")
def sequences(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """Sequence models with one slot that run nothing."""
    repository = tmp_path_factory.mktemp("sequences")
    for way in WAYS:
        write_slow(repository, f"direct_{way.__name__}", 0, more=DIRECT)
        write_slow(repository, f"oldest_{way.__name__}", 0, more=OLDEST)
    with serve(str(repository), TRITONSERVER_DELAY_SCHEDULER="100") as running:
        yield running


def of_sequence(number: int, start: bool) -> dict[str, Any]:
    return {**slow_request(), "parameters": {"sequence_id": number, "sequence_start": start}}


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
@pytest.mark.parametrize("strategy", ["direct", "oldest"])
def test_requests_of_sequences_leave_wherever_they_wait(
    sequences: ServerProcess, strategy: str, way: Callable[..., GiveUp]
) -> None:
    """In a slot, behind another of their sequence, and in the backlog."""
    model = f"{strategy}_{way.__name__}"
    given_up: list[GiveUp] = []
    for body in (of_sequence(1, True), of_sequence(1, False), of_sequence(2, True)):
        given_up.append(way(sequences, model, body))
        until(lambda: waiting(sequences, model) == len(given_up), "it does not wait")
    for left, give_up in enumerate(reversed(given_up)):
        give_up()
        begin = time.monotonic()
        until(lambda still=2 - left: waiting(sequences, model) == still, "it stays in the queue")
        print(f"{way.__name__}: out of the queue after {(time.monotonic() - begin) * 1e3:.0f} ms")
        until(lambda count=left + 1: cancelled(sequences, model) == count, "it was not counted")


def test_a_deadline_takes_the_request_out_of_the_queue(server: ServerProcess) -> None:
    before = cancelled(server, "plain")
    running = cancel_call(server, "plain", slow_request())
    with grpc.insecure_channel(server.grpc) as channel:
        call = channel.unary_unary(INFER).future(encoded("plain", slow_request()), timeout=2)
        until(lambda: waiting(server, "plain") == 1, "it does not wait")
        error = call.exception()
        assert error.code() is grpc.StatusCode.DEADLINE_EXCEEDED
        until(lambda: waiting(server, "plain") == 0, "it stays in the queue")
        until(lambda: cancelled(server, "plain") == before + 1, "it was not counted")
    running()
    until(lambda: cancelled(server, "plain") == before + 2, "the model does not stop")
