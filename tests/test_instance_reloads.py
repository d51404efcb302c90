"""Instance groups that change under load, over the sockets of a server: nobody notices but for the configuration."""

from __future__ import annotations

import json
import shutil
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tritonclient.grpc as grpcclient
import tritonclient.http as httpclient
from repositories import MODELS
from server_process import ServerProcess, serve
from tritonclient.utils import InferenceServerException

COUNTS = (3, 1, 4, 2, 2, 5, 1)
SEQUENCES = """backend: "identity" max_batch_size: 4 sequence_batching { oldest { max_candidate_sequences: 4 } }
input [ { name: "INPUT0" data_type: TYPE_INT32 dims: 16 } ]
output [ { name: "OUTPUT0" data_type: TYPE_INT32 dims: 16 } ]
"""
LIMITED = 'rate_limiter { resources { name: "R" count: 1 } }'
VALUES = np.arange(16, dtype=np.int32).reshape(1, 16)


def group(count: int, more: str = "") -> str:
    return f"instance_group {{ count: {count} kind: KIND_CPU {more} }}\n"


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models")
    shutil.copytree(MODELS / "simple", folder / "onnx")
    simple = (folder / "onnx" / "config.pbtxt").read_text().replace('name: "simple"', 'name: "onnx"')
    shutil.copytree(MODELS / "simple", folder / "batching")
    for name, text in (
        ("onnx", simple),
        ("batching", simple.replace('"onnx"', '"batching"') + "dynamic_batching {}\n"),
        ("sequences", SEQUENCES),
    ):
        (folder / name / "1").mkdir(parents=True, exist_ok=True)
        (folder / name / "config.pbtxt").write_text(text + group(2))
    return folder


@pytest.fixture(scope="module", params=["off", "execution_count"])
def server(repository: Path, request: pytest.FixtureRequest) -> Iterator[ServerProcess]:
    arguments = [f"--model-repository={repository}", "--model-control-mode=explicit", "--load-model=*"]
    with serve(*arguments, f"--rate-limit={request.param}") as running:
        yield running


def infer(client: Any, module: Any, model: str, **flags: Any) -> None:
    names = ("INPUT0",) if model == "sequences" else ("INPUT0", "INPUT1")
    inputs = []
    for name in names:
        inputs.append(module.InferInput(name, [1, 16], "INT32"))
        inputs[-1].set_data_from_numpy(VALUES)
    answer = client.infer(model, inputs, **flags)
    expected = VALUES if model == "sequences" else VALUES + VALUES
    assert np.array_equal(answer.as_numpy("OUTPUT0"), expected)


@contextmanager
def load_on(server: ServerProcess, model: str) -> Iterator[Callable[[], None]]:
    """Requests of both protocols all the while. Gives what waits until each of those who ask has had an answer."""
    problems: list[Exception] = []
    stop = threading.Event()
    modules = [(httpclient, server.http), (grpcclient, server.grpc)] * 2
    rounds = [0] * len(modules)
    turned = threading.Condition()

    def ask(number: int, module: Any, address: str) -> None:
        flags = {"sequence_id": number + 1} if model == "sequences" else {}
        try:
            with module.InferenceServerClient(address) as client:
                first = True
                while not stop.is_set():
                    ends = {"sequence_start": first} if flags else {}
                    infer(client, module, model, **flags, **ends)
                    first = False
                    with turned:
                        rounds[number] += 1
                        turned.notify_all()
                if flags:
                    infer(client, module, model, **flags, sequence_end=True)
        except Exception as error:
            problems.append(error)
            with turned:
                turned.notify_all()

    def all_answered() -> None:
        with turned:
            before = list(rounds)
            turned.wait_for(lambda: problems or all(now > was for now, was in zip(rounds, before, strict=True)), 60)

    threads = [threading.Thread(target=ask, args=(i, *which)) for i, which in enumerate(modules)]
    for thread in threads:
        thread.start()
    try:
        yield all_answered
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    assert problems == []


def count_of(client: Any, model: str) -> int:
    return int(sum(one["count"] for one in client.get_model_config(model)["instance_group"]))


@pytest.mark.parametrize("model", ["onnx", "batching", "sequences"])
def test_no_request_fails_while_instances_come_and_go(server: ServerProcess, repository: Path, model: str) -> None:
    path = repository / model / "config.pbtxt"
    before = path.read_text()
    with httpclient.InferenceServerClient(server.http) as client:
        served = client.get_inference_statistics(model)["model_stats"][0]["inference_count"]
        with load_on(server, model) as all_answered:
            for count in COUNTS:
                path.write_text(before.partition("instance_group")[0] + group(count))
                client.load_model(model)
                assert count_of(client, model) == count
                all_answered()
            # Its instances are all other ones, or the model is another one where they are limited then.
            if model != "sequences":
                path.write_text(before.partition("instance_group")[0] + group(2, LIMITED))
                client.load_model(model)
                all_answered()
                path.write_text(before.partition("instance_group")[0] + group(3, LIMITED))
                client.load_model(model)
                all_answered()
        if model == "sequences":  # The statistics go on, since it is the same model.
            now = client.get_inference_statistics(model)["model_stats"][0]["inference_count"]
            assert now >= served + len(COUNTS) * 4


def test_a_count_that_a_load_call_gives(server: ServerProcess) -> None:
    with httpclient.InferenceServerClient(server.http) as client:
        config = client.get_model_config("onnx")
        config["instance_group"] = [{"count": 3, "kind": "KIND_CPU"}]
        client.load_model("onnx", config=json.dumps(config))
        assert count_of(client, "onnx") == 3
        infer(client, httpclient, "onnx")


def test_what_cannot_be_leaves_the_model_as_it_was(server: ServerProcess, repository: Path) -> None:
    path = repository / "batching" / "config.pbtxt"
    before = path.read_text()
    with httpclient.InferenceServerClient(server.http) as client:
        count = count_of(client, "batching")
        as_before = LIMITED if LIMITED in before else ""
        impossible = f"instance_group {{ count: 2 kind: KIND_GPU gpus: 7 {as_before} }}\n"
        path.write_text(before.partition("instance_group")[0] + impossible)
        with load_on(server, "batching") as all_answered:
            with pytest.raises(InferenceServerException, match="version 1 is at READY state: "):
                client.load_model("batching")
            all_answered()
            assert count_of(client, "batching") == count
        path.write_text(before)
        client.load_model("batching")


def test_a_verbose_log_tells_how_much_there_is_of_each_resource(tmp_path: Path) -> None:
    limited = 'rate_limiter {{ resources [ {{ name: "R" count: {} }}, {{ name: "G" global: true count: 7 }} ] }}'
    (tmp_path / "m" / "1").mkdir(parents=True)
    path = tmp_path / "m" / "config.pbtxt"
    path.write_text(SEQUENCES + group(1, limited.format(4)))
    arguments = [f"--model-repository={tmp_path}", "--model-control-mode=explicit", "--load-model=m"]
    with (
        serve(*arguments, "--rate-limit=execution_count", "--log-verbose=1") as server,
        httpclient.InferenceServerClient(server.http) as client,
    ):
        path.write_text(SEQUENCES + group(1, limited.format(3)))
        client.load_model("m")
    told = [line for line in server.log if "Max Resource Map" in line]  # All of it has been read.
    # While both instances are there the one that needs most counts.
    assert [line.count(r"\t\tResource: R\t Count: 4\n") for line in told][:2] == [1, 1]
    assert r"\tDevice: GLOBAL\n\t\tResource: G\t Count: 7\n\tDevice: 0\n\t\tResource: R\t Count: 3\n" in told[2]
