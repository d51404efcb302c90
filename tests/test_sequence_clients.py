"""Sequences through real clients: interleaved over both protocols and streams, with several processes of each."""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tritonclient.grpc
import tritonclient.http
from golden_server import command_line, flags, make_models
from server_process import ServerProcess, serve
from tritonclient.utils import InferenceServerException

NAMES = ("seq_direct", "seq_oldest", "seq_string", "seq_state_direct", "seq_state_oldest")
SUMS = ("seq_state_direct", "seq_state_oldest")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    folder = tmp_path_factory.mktemp("sequences")
    options = {**flags(make_models(folder / "models"), folder / "trace.json"), "load-model": list(NAMES)}
    with serve(*command_line(options), "--http-workers=2", "--grpc-processes=2") as running:
        yield running


@pytest.fixture
def clients(server: ServerProcess) -> Iterator[tuple[Any, Any]]:
    with (
        tritonclient.http.InferenceServerClient(server.http, concurrency=8) as http,
        tritonclient.grpc.InferenceServerClient(server.grpc) as grpc,
    ):
        yield http, grpc


def module_of(client: Any) -> Any:
    return tritonclient.grpc if isinstance(client, tritonclient.grpc.InferenceServerClient) else tritonclient.http


def inputs(client: Any, value: int, batch: int = 1) -> list[Any]:
    tensor = module_of(client).InferInput("INPUT", [batch, 1], "INT32")
    tensor.set_data_from_numpy(np.full((batch, 1), value, np.int32))
    return [tensor]


def send(client: Any, model: str, sequence: int | str, value: int, flags: str = "") -> Any:
    return client.infer(
        model,
        inputs(client, value),
        sequence_id=sequence,
        sequence_start="s" in flags,
        sequence_end="e" in flags,
    )


def output(result: Any, name: str = "OUTPUT") -> Any:
    return result.as_numpy(name)[0, 0]


def refusal(*arguments: Any) -> str:
    with pytest.raises(InferenceServerException) as caught:
        send(*arguments)
    return str(caught.value.message())


@pytest.mark.parametrize("model", SUMS)
def test_one_sequence_over_both_protocols(clients: tuple[Any, Any], model: str) -> None:
    found = [output(send(clients[i % 2], model, 11, i + 1, "s" if i == 0 else "e" if i == 5 else "")) for i in range(6)]
    assert found == [1, 3, 6, 10, 15, 21]


@pytest.mark.parametrize("model", SUMS)
def test_more_sequences_than_slots_at_once(server: ServerProcess, model: str) -> None:
    results: dict[int, list[int]] = {}

    def run(sequence: int) -> None:
        library, url = [(tritonclient.http, server.http), (tritonclient.grpc, server.grpc)][sequence % 2]
        with library.InferenceServerClient(url) as client:
            results[sequence] = [
                int(output(send(client, model, sequence, sequence, "s" if i == 0 else "e" if i == 19 else "")))
                for i in range(20)
            ]

    threads = [threading.Thread(target=run, args=(sequence,)) for sequence in range(100, 124)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == {sequence: [sequence * (i + 1) for i in range(20)] for sequence in range(100, 124)}


@pytest.mark.parametrize("model", SUMS)
def test_interleaved_in_one_stream(server: ServerProcess, model: str) -> None:
    answers: queue.Queue[Any] = queue.Queue()
    found: dict[str, list[int]] = {str(sequence): [] for sequence in range(1, 13)}
    with tritonclient.grpc.InferenceServerClient(server.grpc) as client:
        client.start_stream(lambda result, error: answers.put(error or result))
        for i in range(10):
            for name in found:
                client.async_stream_infer(
                    model,
                    inputs(client, int(name)),
                    request_id=name,
                    sequence_id=200 + int(name),
                    sequence_start=i == 0,
                    sequence_end=i == 9,
                )
        for _ in range(10 * len(found)):
            result = answers.get(timeout=30)
            assert not isinstance(result, Exception), result
            found[result.get_response().id].append(int(output(result)))
        client.stop_stream()
    assert found == {name: [int(name) * (i + 1) for i in range(10)] for name in found}


def test_signals_and_ids(clients: tuple[Any, Any]) -> None:
    for client in clients:
        for i, (marks, shown) in enumerate((("s", 1010), ("", 10), ("e", 110))):
            result = send(client, "seq_string", "call-1", i, marks)
            assert output(result) == i + shown
            assert output(result, "CORRID_OUT") == b"call-1"
        largest = 2**63 - 1
        assert output(send(client, "seq_oldest", largest, 0, "se"), "CORRID_OUT") == largest


def test_refusals(clients: tuple[Any, Any]) -> None:
    for client in clients:
        no_start = (
            "inference request for sequence 31 to model 'seq_direct' must specify the START flag on the first request"
        )
        assert refusal(client, "seq_direct", 31, 1).startswith(no_start)
        assert refusal(client, "seq_string", "x" * 129, 1, "s") == (
            "string correlation ID cannot be longer than 128 characters"
        )
        assert refusal(client, "seq_direct", "text", 1, "s").endswith(
            "sequence batching control 'CORRID' data-type is 'BYTES', but model 'seq_direct' expects 'UINT64'"
        )
        assert refusal(client, "seq_string", 5, 1, "s").endswith(
            "sequence batching control 'CORRID' data-type is 'UINT64', but model 'seq_string' expects 'BYTES'"
        )
        with pytest.raises(InferenceServerException, match="must specify batch-size 1 due to requirements of sequence"):
            client.infer("seq_direct", inputs(client, 1, batch=2), sequence_id=32, sequence_start=True)


def test_starting_again_forgets_the_state(clients: tuple[Any, Any]) -> None:
    http, grpc = clients
    assert output(send(http, "seq_state_direct", 41, 5, "s")) == 5
    assert output(send(grpc, "seq_state_direct", 41, 7, "s")) == 7
    assert output(send(http, "seq_state_direct", 41, 1, "e")) == 8


def test_a_model_loaded_anew_knows_no_sequence(server: ServerProcess, clients: tuple[Any, Any], tmp_path: Path) -> None:
    http, grpc = clients
    assert output(send(grpc, "seq_state_oldest", 51, 5, "s")) == 5
    grpc.unload_model("seq_state_oldest")
    grpc.load_model("seq_state_oldest")
    assert "must specify the START flag" in refusal(http, "seq_state_oldest", 51, 5)
    assert output(send(http, "seq_state_oldest", 51, 6, "se")) == 6
