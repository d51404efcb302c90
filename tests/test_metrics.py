"""Metrics of real servers: the numbers are right over all processes, the page is what Prometheus understands."""

from __future__ import annotations

import concurrent.futures
import json
import shutil
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import tritonclient.grpc
from google.protobuf.json_format import MessageToJson
from prometheus_client.parser import text_string_to_metric_families
from repositories import MODELS
from server_process import ServerProcess, environment, serve

import triton_lite
from triton_lite import _native
from triton_lite.engine.control_plane import ControlPlane
from triton_lite.engine.options import EngineOptions
from triton_lite.metrics.engine_client import EngineClient
from triton_lite.proto import MethodNumber, messages

Samples = dict[str, float]
_SLOW = """
backend: "identity"
instance_group [ { kind: KIND_CPU count: 1 } ]
parameters [ { key: "execute_delay_ms" value: { string_value: "300" } } ]
input [ { name: "INPUT0" data_type: TYPE_UINT8 dims: [ 1 ] } ]
output [ { name: "OUTPUT0" data_type: TYPE_UINT8 dims: [ 1 ] } ]
"""


def samples(page: str) -> Samples:
    """Every line of a page by its name with labels, as it is written there; the page is parsed, and has no doubles."""
    assert page.endswith("\n")
    list(text_string_to_metric_families(page))
    lines = [line.rpartition(" ") for line in page.splitlines() if not line.startswith("#")]
    result = {name: float(value) for name, _, value in lines}
    assert len(result) == len(lines)
    families = [line.split()[2] for line in page.splitlines() if line.startswith("# TYPE")]
    assert len(set(families)) == len(families)
    return result


def scrape(server: ServerProcess) -> Samples:
    with urllib.request.urlopen(f"http://127.0.0.1:{server.metrics_port}/metrics") as answer:
        return samples(answer.read().decode())


def of(name: str, model: str = "simple", **labels: str) -> str:
    pairs = sorted({"model": model, "version": "1", **labels}.items())
    return name + "{" + ",".join(f'{key}="{value}"' for key, value in pairs) + "}"


def put(repository: Path, name: str, *more: str) -> None:
    """The model simple under another name, with more in its configuration."""
    shutil.copytree(MODELS / "simple", repository / name)
    config = repository / name / "config.pbtxt"
    text = config.read_text().replace('name: "simple"', f'name: "{name}"')
    config.write_text("\n".join((text, *more, "")))


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("metrics")
    put(folder, "simple")
    put(folder, "batched", "dynamic_batching { }", 'metric_tags { key: "team" value: "vi\\"sion" }')
    put(
        folder,
        "cached",
        "response_cache { enable: true }",
        "model_metrics { metric_control { metric_identifier { family: 'triton_lite_batch_size' } "
        "histogram_options { buckets: [ 1, 3 ] } } }",
    )
    (folder / "slow" / "1").mkdir(parents=True)
    (folder / "slow" / "config.pbtxt").write_text(_SLOW)
    (folder / "sequences" / "1").mkdir(parents=True)
    (folder / "sequences" / "config.pbtxt").write_text(_SLOW + "sequence_batching { oldest { } }")
    return folder


@pytest.fixture(scope="module")
def server(repository: Path) -> Iterator[ServerProcess]:
    config = ("summary_latencies=true", "histogram_latencies=true", "summary_quantiles=0.5:0.05,0.99:0.001")
    with serve(
        f"--model-repository={repository}",
        "--cache-config=local,size=1048576",
        "--http-workers=2",
        "--metrics-interval-ms=100",
        *(f"--metrics-config={one}" for one in config),
    ) as running:
        yield running


def http_infer(server: ServerProcess, model: str, value: int, batch: int = 1) -> None:
    tensors = [
        {"name": f"INPUT{number}", "datatype": "INT32", "shape": [batch, 16], "data": [value] * 16 * batch}
        for number in range(2)
    ]
    body = json.dumps({"inputs": tensors}).encode()
    request = urllib.request.Request(f"http://{server.http}/v2/models/{model}/infer", body)
    with urllib.request.urlopen(request) as answer:
        answer.read()


def grpc_infer(client: tritonclient.grpc.InferenceServerClient, model: str) -> None:
    inputs = []
    for number in range(2):
        tensor = tritonclient.grpc.InferInput(f"INPUT{number}", [1, 16], "INT32")
        inputs.append(tensor.set_data_from_numpy(np.ones((1, 16), np.int32)))
    client.infer(model, inputs)


def test_counts_are_exact_over_both_protocols_and_all_processes(server: ServerProcess) -> None:
    before = scrape(server)

    def over_http(_: int) -> None:
        for _ in range(20):
            http_infer(server, "batched", 1, 2)

    def over_grpc(_: int) -> None:
        with tritonclient.grpc.InferenceServerClient(server.grpc) as client:
            for _ in range(20):
                grpc_infer(client, "batched")

    with concurrent.futures.ThreadPoolExecutor(8) as threads:
        list(threads.map(over_http, range(4)))
        list(threads.map(over_grpc, range(4)))
    after = scrape(server)

    def grown(name: str) -> float:
        key = of(name, "batched", _team='vi\\"sion')
        return after[key] - before[key]

    assert grown("nv_inference_request_success") == 160
    assert grown("nv_inference_count") == 240
    assert grown("triton_lite_request_duration_seconds_count") == 160
    assert grown("nv_inference_queue_summary_us_count") == 160
    executions = grown("nv_inference_exec_count")
    assert 0 < executions <= 160
    assert grown("triton_lite_batch_size_count") == executions
    assert grown("triton_lite_batch_size_sum") == 240
    parts = sum(grown(f"nv_inference_{part}_duration_us") for part in ("queue", "compute_input", "compute_infer"))
    assert parts <= grown("nv_inference_request_duration_us")
    assert grown("nv_inference_request_summary_us_sum") == grown("nv_inference_request_duration_us")
    assert after[of("nv_inference_pending_request_count", "batched", _team='vi\\"sion')] == 0


def test_hits_and_misses_of_the_cache(server: ServerProcess) -> None:
    for value in (1, 2, 1, 1):
        http_infer(server, "cached", value)
    page = scrape(server)
    assert page[of("nv_cache_num_hits_per_model", "cached")] == 2
    assert page[of("nv_cache_num_misses_per_model", "cached")] == 2
    assert page[of("nv_inference_count", "cached")] == 2
    assert page[of("nv_inference_request_success", "cached")] == 4
    assert (page["nv_cache_num_hits"], page["nv_cache_num_lookups"], page["nv_cache_num_entries"]) == (2, 4, 2)
    assert 0 < page["nv_cache_util"] < 1
    assert of("nv_inference_request_summary_us_count", "cached") not in page
    assert of("nv_cache_num_hits_per_model") not in page
    bucket = of("triton_lite_batch_size_bucket", "cached")[:-1]
    assert [page[f'{bucket},le="{bound}"}}'] for bound in ("1", "3", "+Inf")] == [2, 2, 2]


def test_requests_that_wait(server: ServerProcess) -> None:
    """One runs at a time, for 300 ms."""
    pending, wait = of("nv_inference_pending_request_count", "slow"), of("triton_lite_queue_wait_seconds", "slow")

    def ask(_: int) -> None:
        with tritonclient.grpc.InferenceServerClient(server.grpc) as client:
            tensor = tritonclient.grpc.InferInput("INPUT0", [1], "UINT8")
            client.infer("slow", [tensor.set_data_from_numpy(np.zeros(1, np.uint8))])

    with concurrent.futures.ThreadPoolExecutor(4) as threads:
        asked = [threads.submit(ask, number) for number in range(4)]
        seen: set[tuple[float, bool]] = set()
        while not all(each.done() for each in asked):
            page = scrape(server)
            seen.add((page[pending], page[wait] > 0))
        for each in asked:
            each.result()
    # The fourth may come before the first was taken.
    assert {3, 2, 1, 0} <= {count for count, _ in seen} <= {4, 3, 2, 1, 0}
    assert any(positive for _, positive in seen)
    assert scrape(server)[pending] == 0


def test_requests_that_wait_for_others_of_their_sequence(server: ServerProcess) -> None:
    pending, answers = of("nv_inference_pending_request_count", "sequences"), threading.Semaphore(0)
    with tritonclient.grpc.InferenceServerClient(server.grpc) as client:
        client.start_stream(lambda result, error: answers.release())
        tensor = tritonclient.grpc.InferInput("INPUT0", [1], "UINT8")
        tensor.set_data_from_numpy(np.zeros(1, np.uint8))
        for number in range(3):
            client.async_stream_infer(
                "sequences", [tensor], sequence_id=7, sequence_start=number == 0, sequence_end=number == 2
            )
        seen, answered = set(), 0
        while answered < 3:
            seen.add(scrape(server)[pending])
            answered += answers.acquire(blocking=False)
    assert {2, 1} <= seen <= {3, 2, 1, 0}
    assert scrape(server)[pending] == 0


def test_the_machine_and_the_load_are_among_them(server: ServerProcess) -> None:
    page = scrape(server)
    assert 0 <= page["nv_cpu_utilization"] <= 1
    assert 0 < page["nv_cpu_memory_used_bytes"] <= page["nv_cpu_memory_total_bytes"]
    assert page["nv_pinned_memory_pool_total_bytes"] == 256 << 20
    assert page["nv_pinned_memory_pool_used_bytes"] == 0
    assert page[of("nv_model_load_duration_secs")] > 0
    assert page[of("triton_lite_queue_wait_seconds")] >= 0
    assert page["triton_lite_engine_up"] == 1


def test_promtool_finds_nothing_wrong(server: ServerProcess) -> None:
    promtool = shutil.which("promtool")
    if promtool is None:
        pytest.skip("no promtool (Debian package prometheus)")
    with urllib.request.urlopen(f"http://127.0.0.1:{server.metrics_port}/metrics") as answer:
        page = answer.read()
    checked = subprocess.run([promtool, "check", "metrics"], input=page, capture_output=True)
    # 3: the format is right, and somebody may not like the names. Those are Triton's own.
    assert checked.returncode in (0, 3), checked.stderr.decode()
    complaints = (checked.stdout + checked.stderr).decode().splitlines()
    assert [line for line in complaints if line and not line.startswith("nv_")] == []


def test_families_stand_in_tritons_order(server: ServerProcess) -> None:
    recorded = (Path(__file__).parent / "golden" / "observed" / "metrics.txt").read_text()
    with urllib.request.urlopen(f"http://127.0.0.1:{server.metrics_port}/metrics") as answer:
        page = answer.read().decode()

    def heads(text: str) -> list[str]:
        return [line for line in text.splitlines() if line.startswith("#")]

    expected = heads(recorded)
    ours = [line for line in heads(page) if line in expected]
    assert ours == expected
    unknown = {line.split()[2] for line in heads(page) if line not in expected and " nv_" in line}
    assert {name for name in unknown if not name.startswith(("nv_gpu_", "nv_energy"))} == {
        "nv_model_load_duration_secs",
        "nv_inference_first_response_histogram_ms",
    }


def test_top_shows_what_was_counted(server: ServerProcess) -> None:
    command = [sys.executable, "-m", "triton_lite.cli.main", "top", "--url", server.http, "--json"]
    http_infer(server, "simple", 1)
    result = subprocess.run(
        [*command, "--count=1", "--interval=0.05"], env=environment(), capture_output=True, text=True, check=True
    )
    models = {model["name"]: model for model in json.loads(result.stdout)["models"]}
    assert models.keys() == {"simple", "batched", "cached", "slow", "sequences"}
    assert models["simple"]["state"] == "READY"
    assert models["simple"]["requests"] == scrape(server)[of("nv_inference_request_success")]


def test_counters_live_as_long_as_the_version_is_loaded(repository: Path) -> None:
    ones = np.ones((1, 16), np.int32)
    inputs = {"INPUT0": ones, "INPUT1": ones}
    success = of("nv_inference_request_success")
    with triton_lite.Server(repository, model_control_mode="explicit", load_model=["simple"]) as server:
        server.model("simple").infer(inputs)
        server.load("simple")
        config = server.model("simple").config()
        config.max_batch_size = 4
        server.load("simple", config=MessageToJson(config, preserving_proto_field_name=True))
        assert samples(server.metrics())[success] == 1
        server.model("simple").infer(inputs)
        assert samples(server.metrics())[success] == 2
        server.unload("simple")
        # It ends in the background.
        deadline = time.monotonic() + 30
        while success in samples(server.metrics()):
            assert time.monotonic() < deadline
        server.load("simple")
        assert samples(server.metrics())[success] == 0


def test_models_come_and_go_while_somebody_looks(repository: Path) -> None:
    ones = np.ones((1, 16), np.int32)
    done, pages = threading.Event(), 0
    with triton_lite.Server(repository, model_control_mode="explicit", load_model=["batched"]) as server:

        def churn() -> None:
            for _ in range(30):
                server.load("simple").infer({"INPUT0": ones, "INPUT1": ones})
                server.unload("simple")
            done.set()

        thread = threading.Thread(target=churn)
        thread.start()
        while not done.wait(0.002):  # Models that load are to have their share of the interpreter.
            page = samples(server.metrics())
            pages += 1
            assert page[of("nv_inference_request_success", "batched", _team='vi\\"sion')] == 0
        thread.join()
    assert pages > 0


def test_namespaces_and_options(repository: Path) -> None:
    options = {
        "allow_cpu_metrics": False,
        "model_namespacing": True,
        "metrics_config": [("counter_latencies", "false")],
    }
    ones = np.ones((1, 16), np.int32)
    with triton_lite.Server(repository, **options) as server:
        server.model("simple").infer({"INPUT0": ones, "INPUT1": ones})
        page = samples(server.metrics())
    assert page[of("nv_inference_request_success", namespace=str(repository))] == 0
    assert not any("duration_us" in name or name.startswith("nv_cpu") for name in page)
    with triton_lite.Server(repository, allow_metrics=False) as server:
        assert not any("simple" in name for name in samples(server.metrics()))


def _simple_request() -> bytes:
    request = messages.ModelInferRequest(model_name="simple", raw_input_contents=[bytes(64)] * 2)
    for number in range(2):
        request.inputs.add(name=f"INPUT{number}", datatype="INT32", shape=[1, 16])
    encoded: bytes = request.SerializeToString()
    return encoded


def test_metrics_come_back_with_the_engine(repository: Path, tmp_path: Path) -> None:
    socket = tmp_path / "engine.sock"
    client = EngineClient.at(socket)
    assert client.read() is None
    options = EngineOptions(model_repository=[str(repository)], model_control_mode="explicit", load_model=["simple"])
    for _ in range(2):
        engine = options.make_engine(_native)
        plane = ControlPlane(engine, options)
        engine.listen(str(socket))
        plane.start_answering()
        assert plane.load_models() == ""
        page = client.read()
        assert page is not None
        assert samples(page.decode())[of("nv_inference_request_success")] == 0
        direct = _native.ChannelClient.direct(engine)
        answer = direct.wait(direct.send(MethodNumber.MODEL_INFER, _simple_request()))
        assert answer is not None and answer.code == 0
        page = client.read()
        assert page is not None
        assert samples(page.decode())[of("nv_inference_request_success")] == 1
        engine.stop()
        plane.stop()
        socket.unlink(missing_ok=True)
        assert client.read() is None
