"""What the server counted is what its clients saw, whichever protocol, process or fate their requests had.

--long: 100,000 requests instead of a few thousand.
"""

from __future__ import annotations

import threading
import time
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import tritonclient.grpc as grpcclient
import tritonclient.http as httpclient
from prometheus_client.parser import text_string_to_metric_families
from server_process import ServerProcess, serve
from tritonclient.utils import InferenceServerException

CLIENTS = 16
SLOTS = 4
WAITING = 8
_PICK = """\
backend: "onnxruntime"
max_batch_size: 8
dynamic_batching {{ {batching} }}
input [ {{ name: "INDEX" data_type: TYPE_INT64 dims: [ 1 ] }} ]
output [ {{ name: "VALUE" data_type: TYPE_FP32 dims: [ 1 ] }} ]
{more}
"""
_SLOW = """\
backend: "identity"
max_batch_size: 1
dynamic_batching {{
  default_queue_policy {{
    timeout_action: REJECT default_timeout_microseconds: 20000000 allow_timeout_override: true max_queue_size: {size}
  }}
}}
instance_group [ {{ kind: KIND_CPU count: 1 }} ]
parameters [ {{ key: "execute_delay_ms" value: {{ string_value: "{delay}" }} }} ]
input [ {{ name: "INPUT0" data_type: TYPE_UINT8 dims: [ 1 ] }} ]
output [ {{ name: "OUTPUT0" data_type: TYPE_UINT8 dims: [ 1 ] }} ]
"""


def write_pick(repository: Path, name: str, batching: str = "", more: str = "") -> None:
    """Write a model that answers VALUE = 10 * INDEX, and fails where INDEX is not below SLOTS."""
    nodes = [
        onnx.helper.make_node("Gather", ["TABLE", "INDEX"], ["VALUE"], axis=0),
    ]
    graph = onnx.helper.make_graph(
        nodes,
        name,
        [onnx.helper.make_tensor_value_info("INDEX", onnx.TensorProto.INT64, [None, 1])],
        [onnx.helper.make_tensor_value_info("VALUE", onnx.TensorProto.FLOAT, [None, 1])],
        [onnx.numpy_helper.from_array(np.arange(SLOTS, dtype=np.float32) * 10, "TABLE")],
    )
    model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 13)])
    model.ir_version = 8
    (repository / name / "1").mkdir(parents=True)
    onnx.save(model, repository / name / "1" / "model.onnx")
    (repository / name / "config.pbtxt").write_text(_PICK.format(batching=batching, more=more))


def write_slow(repository: Path, name: str, delay: int, size: int = 0) -> None:
    (repository / name / "1").mkdir(parents=True)
    (repository / name / "config.pbtxt").write_text(_SLOW.format(delay=delay, size=size))


@pytest.fixture(scope="module")
def access_log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("logs") / "access"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, access_log: Path) -> Iterator[ServerProcess]:
    repository = tmp_path_factory.mktemp("counted")
    write_pick(repository, "pick")
    write_pick(repository, "pick_cached", more="response_cache { enable: true }")
    write_slow(repository, "slow", 300)
    write_slow(repository, "narrow", 300, size=2)
    with serve(
        f"--model-repository={repository}",
        "--cache-config=local,size=1048576",
        "--http-workers=2",
        "--grpc-processes=2",
        f"--access-log={access_log}",
    ) as running:
        yield running


def index_input(module: Any, *indices: int) -> Any:
    tensor = module.InferInput("INDEX", [len(indices), 1], "INT64")
    tensor.set_data_from_numpy(np.array(indices, dtype=np.int64).reshape(-1, 1))
    return tensor


def byte_input(module: Any) -> Any:
    tensor = module.InferInput("INPUT0", [1, 1], "UINT8")
    tensor.set_data_from_numpy(np.zeros((1, 1), dtype=np.uint8))
    return tensor


def statistics(server: ServerProcess, model: str) -> Any:
    with grpcclient.InferenceServerClient(server.grpc) as client:
        return client.get_inference_statistics(model).model_stats[0]


def wait_for(condition: Callable[[], bool]) -> None:
    """Ask again until it is so; fails after a while."""
    deadline = time.monotonic() + 20
    pause = threading.Event()
    while not condition():
        assert time.monotonic() < deadline
        pause.wait(0.01)


def cancel(client: Any, tensor: Any) -> None:
    """Give a request up at once, over gRPC: it may have been answered by then, run, wait, or not have come at all."""
    done = threading.Event()
    client.async_infer("pick", [tensor], lambda result, error: done.set()).cancel()
    assert done.wait(30)


def client_loop(module: Any, address: str, seed: int, count: int, tally: Counter[str], durations: list[float]) -> None:
    """Send good requests of all sizes, ones that fail in the model, are refused before, or are given up."""
    random = np.random.default_rng(seed)
    fates = ["good"] * 6 + ["bad"] * 2 + ["malformed"] * 2 + ["given up"] * (module is grpcclient)
    with module.InferenceServerClient(address) as client:
        for _ in range(count):
            fate = random.choice(fates)
            size = int(random.integers(1, 5))
            indices = [int(index) for index in random.integers(0, SLOTS, size)]
            tensor = index_input(module, *([SLOTS + 5] if fate == "bad" else indices))
            if fate == "malformed":
                tensor = index_input(module, *([0] * 9))  # More than max_batch_size.
            start = time.perf_counter()
            if fate == "given up":
                cancel(client, tensor)
                tally[fate] += 1
                durations.append(time.perf_counter() - start)
                continue
            try:
                answer = client.infer("pick", [tensor]).as_numpy("VALUE")
            except InferenceServerException:
                tally[f"{fate} refused"] += 1
            else:
                tally[f"{fate} answered"] += 1
                tally["elements"] += size
                assert answer.ravel().tolist() == [10 * index for index in indices]
            durations.append(time.perf_counter() - start)


def accesses(path: Path, model: str) -> Counter[str]:
    """Count the lines of the access log about a model by their status."""
    lines = path.read_text().splitlines() if path.exists() else []
    return Counter(line.partition(" status=")[2].partition(" ")[0] for line in lines if f" model={model} " in line)


def test_counts_are_those_of_the_clients(
    server: ServerProcess, access_log: Path, request: pytest.FixtureRequest
) -> None:
    count = (100_000 if request.config.getoption("--long") else 3_200) // CLIENTS
    before = statistics(server, "pick")
    tallies = [Counter[str]() for _ in range(CLIENTS)]
    durations: list[list[float]] = [[] for _ in range(CLIENTS)]
    threads = []
    start = time.perf_counter()
    for index in range(CLIENTS):
        module, address = ((httpclient, server.http), (grpcclient, server.grpc))[index % 2]
        arguments = (module, address, index, count, tallies[index], durations[index])
        threads.append(threading.Thread(target=client_loop, args=arguments))
        threads[-1].start()
    for thread in threads:
        thread.join()
    wall = time.perf_counter() - start
    total = sum(tallies, Counter[str]())
    assert sum(total.values()) - total["elements"] == count * CLIENTS
    # A failing request takes those of its batch along.
    assert total.keys() - {"good refused"} == {
        "good answered",
        "bad refused",
        "malformed refused",
        "given up",
        "elements",
    }

    def ended() -> tuple[int, int]:
        now = statistics(server, "pick").inference_stats
        return (now.success.count - before.inference_stats.success.count, now.fail.count)

    # Of those that were given up the access log tells how many came; they end a moment after their clients went.
    wait_for(lambda: sum(ended()) == sum(accesses(access_log, "pick").values()) - total["malformed refused"])
    after = statistics(server, "pick")
    lines = accesses(access_log, "pick")
    answered, failed = ended()
    given_up = sum(lines.values()) - sum(total[fate] for fate in total if fate not in ("given up", "elements"))
    assert 0 <= given_up <= total["given up"]
    assert answered + failed == total["good answered"] + total["bad refused"] + total["good refused"] + given_up
    assert total["good answered"] <= answered <= total["good answered"] + given_up
    assert answered == lines["OK"]
    assert lines["INVALID_ARGUMENT"] == total["malformed refused"]
    assert failures(server, "pick") == {
        "BACKEND": failed - lines["CANCELLED"],
        "CANCELED": lines["CANCELLED"],
        "OTHER": 0,
        "REJECTED": 0,
    }
    elements = after.inference_count - before.inference_count
    assert total["elements"] <= elements <= total["elements"] + 4 * given_up
    assert after.inference_stats.queue.count == after.inference_stats.compute_infer.count == answered
    batches = {batch.batch_size: batch for batch in after.batch_stats}
    assert sum(batch.compute_infer.count for batch in batches.values()) == after.execution_count
    assert max(batches) <= 8
    seconds = 1e-9
    stages = ("queue", "compute_input", "compute_infer", "compute_output")
    inside = sum(getattr(after.inference_stats, stage).ns for stage in stages) * seconds
    success = after.inference_stats.success.ns * seconds
    assert 0 < inside <= success
    assert success + after.inference_stats.fail.ns * seconds <= sum(sum(each) for each in durations)
    computed = sum(batch.compute_infer.ns for batch in batches.values()) * seconds
    assert computed <= wall * 2  # Two instances.
    assert time.time() - after.last_inference / 1000 < wall + 60


def test_a_client_with_its_answer_is_counted(server: ServerProcess) -> None:
    """Nothing is counted later than the answer, over either protocol."""
    with httpclient.InferenceServerClient(server.http) as http, grpcclient.InferenceServerClient(server.grpc) as grpc:
        before = statistics(server, "pick")
        for number in range(1, 41):
            client, module = ((http, httpclient), (grpc, grpcclient))[number % 2]
            client.infer("pick", [index_input(module, 1)])
            now = grpc.get_inference_statistics("pick").model_stats[0]
            assert now.inference_stats.success.count == before.inference_stats.success.count + number
            assert now.execution_count == before.execution_count + number


def test_the_cache_is_counted(server: ServerProcess) -> None:
    with httpclient.InferenceServerClient(server.http) as client:
        for _ in range(3):
            client.infer("pick_cached", [index_input(httpclient, 2, 3)])
    counted = statistics(server, "pick_cached")
    assert counted.inference_stats.success.count == 3
    assert (counted.inference_stats.cache_hit.count, counted.inference_stats.cache_miss.count) == (2, 1)
    assert (counted.inference_count, counted.execution_count) == (2, 1)
    assert counted.inference_stats.compute_infer.count == 1


def test_requests_that_expire_in_the_queue_fail(server: ServerProcess) -> None:
    before, rejected = statistics(server, "slow").inference_stats, failures(server, "slow")["REJECTED"]
    outcomes: list[str] = []

    def ask(timeout: int | None) -> None:
        with grpcclient.InferenceServerClient(server.grpc) as client:
            try:
                client.infer("slow", [byte_input(grpcclient)], timeout=timeout)
                outcomes.append("ok")
            except InferenceServerException as error:
                outcomes.append(error.message())

    blocker = threading.Thread(target=ask, args=(None,))
    blocker.start()
    hurried = [threading.Thread(target=ask, args=(1000,)) for _ in range(WAITING)]
    for thread in hurried:
        thread.start()
    for thread in [blocker, *hurried]:
        thread.join()
    after = statistics(server, "slow").inference_stats
    expired = outcomes.count("Request timeout expired")
    assert expired >= WAITING - 1
    assert after.fail.count - before.fail.count == failures(server, "slow")["REJECTED"] - rejected == expired
    assert after.success.count - before.success.count == outcomes.count("ok") == WAITING + 1 - expired


def test_cancelled_requests_fail(server: ServerProcess) -> None:
    before, given_up = statistics(server, "slow").inference_stats, failures(server, "slow")["CANCELED"]
    done = threading.Semaphore(0)
    with grpcclient.InferenceServerClient(server.grpc) as client:
        calls = [
            client.async_infer("slow", [byte_input(grpcclient)], lambda result, error: done.release())
            for _ in range(WAITING)
        ]
        # One runs, the others wait in its queue.
        wait_for(lambda: statistics(server, "slow").inference_stats.success.count > before.success.count)
        for call in calls:
            call.cancel()
        for _ in calls:
            done.acquire(timeout=20)
    wait_for(
        lambda: (
            (now := statistics(server, "slow").inference_stats).success.count
            + now.fail.count
            - before.success.count
            - before.fail.count
            == WAITING
        )
    )
    failed = statistics(server, "slow").inference_stats.fail.count - before.fail.count
    assert failures(server, "slow")["CANCELED"] - given_up == failed >= WAITING - 3


def test_what_a_full_queue_refuses_is_not_counted(server: ServerProcess) -> None:
    outcomes: list[str] = []

    def ask() -> None:
        with grpcclient.InferenceServerClient(server.grpc) as client:
            try:
                client.infer("narrow", [byte_input(grpcclient)])
                outcomes.append("ok")
            except InferenceServerException:
                outcomes.append("refused")

    threads = [threading.Thread(target=ask) for _ in range(WAITING)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    counted = statistics(server, "narrow").inference_stats
    assert "refused" in outcomes
    assert counted.fail.count == 0
    assert counted.success.count == outcomes.count("ok")


def metric_families(server: ServerProcess) -> Any:
    with urllib.request.urlopen(f"http://127.0.0.1:{server.metrics_port}/metrics") as answer:
        return list(text_string_to_metric_families(answer.read().decode()))


def failures(server: ServerProcess, model: str) -> dict[str, float]:
    """The failed requests of a model by reason."""
    return {
        sample.labels["reason"]: sample.value
        for family in metric_families(server)
        for sample in family.samples
        if family.name == "nv_inference_request_failure" and sample.labels["model"] == model
    }


def metrics(server: ServerProcess) -> dict[tuple[str, str], float]:
    """Sum the samples of each family over reasons; by family and model."""
    sums: Counter[tuple[str, str]] = Counter()
    for family in metric_families(server):
        for sample in family.samples:
            if "model" in sample.labels:
                sums[sample.name.removesuffix("_total"), sample.labels["model"]] += sample.value
    return dict(sums)


def test_metrics_are_another_view_of_the_same_counts(server: ServerProcess) -> None:
    """All that happened to this server's models above, failures and cancellations among it."""
    page = metrics(server)
    for model in ("pick", "pick_cached", "slow", "narrow"):
        counted = statistics(server, model)
        requests = counted.inference_stats
        assert page["nv_inference_request_success", model] == requests.success.count
        assert page["nv_inference_request_failure", model] == requests.fail.count
        assert page["nv_inference_count", model] == counted.inference_count
        assert page["nv_inference_exec_count", model] == counted.execution_count
        assert page["nv_inference_pending_request_count", model] == 0
        for name, sum_of in (
            ("request", requests.success),
            ("queue", requests.queue),
            ("compute_input", requests.compute_input),
            ("compute_infer", requests.compute_infer),
            ("compute_output", requests.compute_output),
        ):
            microseconds = page[f"nv_inference_{name}_duration_us", model]
            # That of each request is cut to whole microseconds.
            assert 0 <= sum_of.ns / 1000 - microseconds <= sum_of.count
    assert page["nv_cache_num_hits_per_model", "pick_cached"] == 2
    assert ("nv_cache_num_hits_per_model", "pick") not in page


def test_reloading_starts_anew(tmp_path: Path) -> None:
    write_pick(tmp_path, "pick")
    with (
        serve(f"--model-repository={tmp_path}", "--model-control-mode=explicit", "--load-model=pick") as running,
        httpclient.InferenceServerClient(running.http) as client,
    ):
        client.infer("pick", [index_input(httpclient, 1)])
        assert statistics(running, "pick").inference_stats.success.count == 1
        client.unload_model("pick")
        with pytest.raises(InferenceServerException, match="requested model 'pick' is not available"):
            wait_for(lambda: client.get_inference_statistics("pick") is None)
        client.load_model("pick")
        assert statistics(running, "pick").inference_stats.success.count == 0
