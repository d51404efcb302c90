"""Tracing of a real server: settings over both protocols, and what stands in the trace files."""

from __future__ import annotations

import json
import queue
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tritonclient.grpc
from server_process import ServerProcess, environment, free_ports, serve, started
from trace_server import FRONT_TIMES, infer, make_repository, post, settings
from tritonclient.utils import InferenceServerException

GLOBAL, SIMPLE = "/v2/trace/setting", "/v2/models/simple/trace/setting"
NO_FILE = "trace file location can not be updated through network protocol"
ONE_OFF = "Expect only one trace level 'OFF' is specified"
NO_STRING, NO_ARRAY = "attempt to access JSON non-string as string", "attempt to access JSON non-array as array"
RATE = "Attempting to set invalid trace setting :sample rate must be non-zero"
# Path, body, status, error: as Triton 2.51 answers.
REFUSED = [
    (GLOBAL, "", 500, "failed to parse the request JSON buffer: The document is empty. at 0"),
    (GLOBAL, "{", 500, "failed to parse the request JSON buffer: Missing a name for object member. at 1"),
    (GLOBAL, '{"trace_level":[5]}', 500, NO_STRING),
    (GLOBAL, '{"trace_level":["OFF","OFF"]}', 400, ONE_OFF),
    (GLOBAL, '{"trace_level":{}}', 500, NO_ARRAY),
    (GLOBAL, '{"trace_level":["OFF",5]}', 400, ONE_OFF),
    (GLOBAL, '{"trace_rate":["5"]}', 500, NO_STRING),
    (GLOBAL, '{"trace_level":["TIMESTAMPS"],"trace_rate":"0"}', 400, RATE),
    (GLOBAL, '{"trace_count":"-2"}', 400, "Unable to parse 'trace_count'. Expecting value >= -1, got:-2"),
    (GLOBAL, '{"trace_rate":"many","trace_count":5}', 400, "Unable to parse 'trace_rate', got: many"),
    (GLOBAL, '{"trace_rate":5,"trace_count":"x"}', 500, NO_STRING),
    (GLOBAL, '{"trace_file":null}', 501, NO_FILE),
    (GLOBAL, '{"trace_level":"x","trace_file":"y"}', 501, NO_FILE),
    ("/v2/models/nope/trace/setting", "{", 400, "Request for unknown model : nope"),
    ("/v2/models/nope/trace/setting", '{"trace_rate":"x"}', 400, "Request for unknown model : nope"),
]
# What is sent over gRPC, the code, the text.
REFUSED_GRPC: list[tuple[dict[str, Any], str, str]] = [
    ({"trace_file": "x"}, "UNIMPLEMENTED", NO_FILE),
    ({"trace_level": ["OFF", "TENSORS"]}, "INVALID_ARGUMENT", ONE_OFF),
    ({"trace_rate": ["1", "2"]}, "INVALID_ARGUMENT", "expect only 1 value for 'trace_rate'"),
    ({"trace_count": "-2"}, "INVALID_ARGUMENT", "Unable to parse 'trace_count'. Expecting value >= -1, got: -2"),
    ({"log_frequency": "x"}, "INVALID_ARGUMENT", "Unable to parse 'log_frequency', got: x"),
    ({"trace_level": "TIMESTAMPS", "trace_rate": "0"}, "INVALID_ARGUMENT", RATE),
]
FIRST = {
    "trace_level": ["OFF"],
    "trace_rate": "1000",
    "trace_count": "-1",
    "log_frequency": "0",
    "trace_mode": "triton",
}
REQUEST_TIMES = [
    "REQUEST_START",
    "QUEUE_START",
    "COMPUTE_START",
    "COMPUTE_INPUT_END",
    "COMPUTE_OUTPUT_START",
    "COMPUTE_END",
    "REQUEST_END",
]


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_repository(tmp_path_factory.mktemp("trace"))


@pytest.fixture(scope="module")
def idle(repository: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """A server that traces nothing at its start."""
    file = tmp_path_factory.mktemp("idle") / "trace"
    with serve(
        f"--model-repository={repository}", f"--trace-config=triton,file={file}", "--trace-config=level=OFF"
    ) as server:
        yield server


def _trace(repository: Path, file: Path, *config: str) -> Any:
    flags = [f"--trace-config={setting}" for setting in (f"triton,file={file}", *config)]
    return serve(f"--model-repository={repository}", "--cache-config=local,size=1048576", *flags)


def _read(file: Path) -> list[dict[str, Any]]:
    elements: list[dict[str, Any]] = json.loads(file.read_text())
    return elements


def _heads(elements: list[dict[str, Any]]) -> dict[int, dict[str, Any]]:
    return {element["id"]: element for element in elements if "model_name" in element}


def _times(elements: list[dict[str, Any]], trace: int) -> dict[str, int]:
    found = {}
    for element in elements:
        if element["id"] == trace:
            for stamp in element.get("timestamps", ()):
                assert stamp["name"] not in found
                found[stamp["name"]] = stamp["ns"]
    return found


def _tensors(elements: list[dict[str, Any]], trace: int) -> list[tuple[str, str, str, str, str]]:
    return [
        (element["activity"], *(element["tensor"][key] for key in ("name", "data", "shape", "dtype")))
        for element in elements
        if element["id"] == trace and "activity" in element
    ]


@pytest.mark.parametrize(("path", "body", "status", "error"), REFUSED)
def test_refuses_settings_in_tritons_words(idle: ServerProcess, path: str, body: str, status: int, error: str) -> None:
    assert post(idle, path, body) == (status, json.dumps({"error": error}, separators=(",", ":")))
    shown = settings(idle)
    assert shown.pop("trace_file").endswith("trace")
    assert shown == FIRST


@pytest.mark.parametrize(("sent", "code", "text"), REFUSED_GRPC, ids=str)
def test_refuses_settings_over_grpc(idle: ServerProcess, sent: dict[str, Any], code: str, text: str) -> None:
    with tritonclient.grpc.InferenceServerClient(idle.grpc) as client:
        with pytest.raises(InferenceServerException) as raised:
            client.update_trace_settings(settings=sent)
        assert (raised.value.status(), raised.value.message()) == (f"StatusCode.{code}", text)
        shown = client.get_trace_settings(as_json=True)["settings"]
    assert shown["trace_level"]["value"] == ["OFF"]
    assert shown["trace_rate"]["value"] == ["1000"]


def test_an_empty_list_of_levels_clears_only_over_grpc(idle: ServerProcess) -> None:
    post(idle, GLOBAL, '{"trace_level":["TENSORS"]}')
    assert json.loads(post(idle, GLOBAL, '{"trace_level":[]}')[1])["trace_level"] == ["TENSORS"]
    with tritonclient.grpc.InferenceServerClient(idle.grpc) as client:
        shown = client.update_trace_settings(settings={"trace_level": []}, as_json=True)["settings"]
    assert shown["trace_level"]["value"] == ["OFF"]


def test_models_fall_back_to_the_server(idle: ServerProcess) -> None:
    post(idle, SIMPLE, '{"trace_rate":"77"}')
    post(idle, GLOBAL, '{"trace_rate":"55","trace_count":"8"}')
    shown = settings(idle, "simple")
    assert (shown["trace_rate"], shown["trace_count"]) == ("77", "8")
    assert settings(idle, "ensemble")["trace_rate"] == "55"
    post(idle, SIMPLE, '{"trace_rate":null}')
    assert settings(idle, "simple")["trace_rate"] == "55"
    post(idle, GLOBAL, '{"trace_rate":null,"trace_count":null}')
    assert settings(idle, "simple")["trace_rate"] == "1000"


@pytest.mark.parametrize("protocol", ["http", "grpc"])
def test_every_timestamp_stands_in_the_file(repository: Path, tmp_path: Path, protocol: str) -> None:
    file = tmp_path / "trace"
    with _trace(repository, file, "level=TIMESTAMPS", "rate=1") as server:
        for number in range(3):
            infer(server, protocol, request_id=f"r{number}")
    elements = _read(file)
    heads = _heads(elements)
    assert [head["request_id"] for head in heads.values()] == ["r0", "r1", "r2"]
    for trace, head in heads.items():
        assert (head["model_name"], head["model_version"]) == ("simple", 1)
        assert "parent_id" not in head
        times = _times(elements, trace)
        assert sorted(times) == sorted([*REQUEST_TIMES, *FRONT_TIMES[protocol]])
        order = [times[name] for name in REQUEST_TIMES]
        assert order == sorted(order)
        received, send, sent = (times[FRONT_TIMES[protocol][i]] for i in (1, 3, 4))
        assert received <= times["REQUEST_START"] <= times["INFER_RESPONSE_COMPLETE"] <= send <= sent


def test_statistics_metrics_and_access_log_show_the_times_of_the_trace(repository: Path, tmp_path: Path) -> None:
    file, log = tmp_path / "trace", tmp_path / "access"
    config = [f"--trace-config={setting}" for setting in (f"triton,file={file}", "level=TIMESTAMPS", "rate=1")]
    with serve(f"--model-repository={repository}", f"--access-log={log}", *config) as server:
        infer(server, "grpc")
        (shown,) = json.loads(post(server, "/v2/models/simple/stats", "", "GET")[1])["model_stats"]
        with urllib.request.urlopen(f"http://127.0.0.1:{server.metrics_port}/metrics") as answer:
            page = answer.read().decode()
    elements = _read(file)
    (trace,) = _heads(elements)
    times = _times(elements, trace)
    spans = {
        "success": times["REQUEST_END"] - times["REQUEST_START"],
        "queue": times["COMPUTE_START"] - times["QUEUE_START"],
        "compute_input": times["COMPUTE_INPUT_END"] - times["COMPUTE_START"],
        "compute_infer": times["COMPUTE_OUTPUT_START"] - times["COMPUTE_INPUT_END"],
        "compute_output": times["COMPUTE_END"] - times["COMPUTE_OUTPUT_START"],
    }
    counted = shown["inference_stats"]
    # The execution of a batch may end after the answer of a request in it; the trace shows when all had ended.
    assert counted["success"]["ns"] <= spans.pop("success")
    assert {stage: counted[stage]["ns"] for stage in spans} == spans
    for stage, nanoseconds in {**spans, "request": counted["success"]["ns"]}.items():
        assert f'nv_inference_{stage}_duration_us{{model="simple",version="1"}} {nanoseconds // 1000}\n' in page
    compute = times["COMPUTE_END"] - times["COMPUTE_START"]
    line = f"queue_us={spans['queue'] // 1000} compute_us={compute // 1000} total_us={counted['success']['ns'] // 1000}"
    assert line in log.read_text()


def test_rate_and_count_decide_what_is_traced(repository: Path, tmp_path: Path) -> None:
    file = tmp_path / "trace"
    with _trace(repository, file, "level=TIMESTAMPS", "rate=3", "count=2") as server:
        for number in range(12):
            infer(server, ("http", "grpc")[number % 2], request_id=str(number))
        assert settings(server)["trace_count"] == "0"
    assert [head["request_id"] for head in _heads(_read(file)).values()] == ["2", "5"]


def test_files_of_the_log_frequency(repository: Path, tmp_path: Path) -> None:
    file = tmp_path / "trace"
    with _trace(repository, file, "level=TIMESTAMPS", "rate=1", "triton,log-frequency=2") as server:
        for _ in range(5):
            infer(server, "http")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["trace.0", "trace.1", "trace.2"]
    assert [len(_heads(_read(tmp_path / f"trace.{i}"))) for i in range(3)] == [2, 2, 1]


def test_a_file_of_the_count(repository: Path, tmp_path: Path) -> None:
    with _trace(repository, tmp_path / "trace", "level=TIMESTAMPS", "rate=1", "count=2") as server:
        for _ in range(3):
            infer(server, "grpc")
    assert [path.name for path in tmp_path.iterdir()] == ["trace.0"]
    assert len(_heads(_read(tmp_path / "trace.0"))) == 2


def test_tensors_of_ensembles_and_their_steps(repository: Path, tmp_path: Path) -> None:
    file = tmp_path / "trace"
    with _trace(repository, file, "level=TIMESTAMPS", "level=TENSORS", "rate=1") as server:
        infer(server, "grpc", "ensemble", request_id="e")
    elements = _read(file)
    heads = _heads(elements)
    assert {head["request_id"] for head in heads.values()} == {"e"}
    (parent,) = [trace for trace, head in heads.items() if head["model_name"] == "ensemble"]
    children = [trace for trace, head in heads.items() if head.get("parent_id") == parent]
    assert len(heads) == 3 and len(children) == 2
    assert sorted(_times(elements, parent)) == sorted(
        ["REQUEST_START", "QUEUE_START", "REQUEST_END", *FRONT_TIMES["grpc"]]
    )
    ones, twos, zeros = (",".join([digit] * 16) for digit in "120")
    inputs = [("TENSOR_QUEUE_INPUT", name, ones, "1,16", "INT32") for name in ("INPUT0", "INPUT1")]
    assert _tensors(elements, parent) == [*inputs, ("TENSOR_BACKEND_OUTPUT", "OUTPUT0", twos, "1,16", "INT32")]
    first, second = sorted(children)
    assert _tensors(elements, first) == [
        *inputs,
        ("TENSOR_BACKEND_OUTPUT", "OUTPUT0", twos, "1,16", "INT32"),
        ("TENSOR_BACKEND_OUTPUT", "OUTPUT1", zeros, "1,16", "INT32"),
    ]
    assert _tensors(elements, second)[:2] == [
        ("TENSOR_QUEUE_INPUT", "INPUT0", twos, "1,16", "INT32"),
        ("TENSOR_QUEUE_INPUT", "INPUT1", zeros, "1,16", "INT32"),
    ]
    for child in children:
        assert sorted(_times(elements, child)) == sorted(REQUEST_TIMES)


def test_an_answer_of_the_cache_was_not_computed(repository: Path, tmp_path: Path) -> None:
    file = tmp_path / "trace"
    with _trace(repository, file, "level=TIMESTAMPS", "level=TENSORS", "rate=1") as server:
        infer(server, "http", "cached", request_id="miss")
        infer(server, "http", "cached", request_id="hit")
    elements = _read(file)
    traces = {head["request_id"]: trace for trace, head in _heads(elements).items()}
    assert "COMPUTE_START" in _times(elements, traces["miss"])
    assert not [name for name in _times(elements, traces["hit"]) if name.startswith("COMPUTE")]
    assert _tensors(elements, traces["hit"]) == [
        ("TENSOR_QUEUE_INPUT", "INPUT0", '"a","b"c"', "1,2", "BYTES"),
        ("TENSOR_BACKEND_OUTPUT", "OUTPUT0", '"a","b"c"', "1,2", "BYTES"),
    ]


def test_tracing_begins_and_ends_at_run_time(repository: Path, tmp_path: Path) -> None:
    file = tmp_path / "trace"
    with _trace(repository, file, "rate=1") as server:
        infer(server, "http", request_id="before")
        post(server, SIMPLE, '{"trace_level":["TIMESTAMPS"]}')
        infer(server, "http", request_id="http")
        infer(server, "grpc", request_id="grpc")
        infer(server, "grpc", "ensemble", request_id="other model")
        post(server, SIMPLE, '{"trace_level":null}')
        infer(server, "http", request_id="after")
    elements = _read(file)
    heads = _heads(elements)
    assert [head["request_id"] for head in heads.values()] == ["http", "grpc"]
    for trace, protocol in zip(heads, ("http", "grpc"), strict=True):
        assert sorted(_times(elements, trace)) == sorted([*REQUEST_TIMES, *FRONT_TIMES[protocol]])


def test_requests_of_a_stream(repository: Path, tmp_path: Path) -> None:
    file = tmp_path / "trace"
    with _trace(repository, file, "level=TIMESTAMPS", "rate=1") as server:
        answers: queue.Queue[Any] = queue.Queue()
        with tritonclient.grpc.InferenceServerClient(server.grpc) as client:
            client.start_stream(lambda result, error: answers.put(error or result.get_response().id))
            for number in range(3):
                client.async_stream_infer("simple", _ones(), request_id=str(number))
            assert [answers.get(timeout=30) for _ in range(3)] == ["0", "1", "2"]
            client.stop_stream()
    elements = _read(file)
    heads = _heads(elements)
    # In the order in which the engine let go of them.
    assert sorted(head["request_id"] for head in heads.values()) == ["0", "1", "2"]
    for trace in heads:
        times = _times(elements, trace)
        assert sorted(times) == sorted([*REQUEST_TIMES, *FRONT_TIMES["grpc"]])
        assert times["GRPC_WAITREAD_START"] <= times["GRPC_WAITREAD_END"] <= times["REQUEST_START"]


def _ones() -> list[Any]:
    inputs = [tritonclient.grpc.InferInput(name, [1, 16], "INT32") for name in ("INPUT0", "INPUT1")]
    for tensor in inputs:
        tensor.set_data_from_numpy(np.ones((1, 16), dtype=np.int32))
    return inputs


@pytest.mark.parametrize("endpoint", ["generate", "generate_stream"])
def test_the_generate_extension(repository: Path, tmp_path: Path, endpoint: str) -> None:
    file = tmp_path / "trace"
    with _trace(repository, file, "level=TIMESTAMPS", "rate=1") as server:
        status, _ = post(server, f"/v2/models/plain/{endpoint}", '{"id": "g", "INPUT0": ["a", "b"]}')
        assert status == 200
    elements = _read(file)
    ((trace, head),) = _heads(elements).items()
    assert head["request_id"] == "g"
    assert sorted(_times(elements, trace)) == sorted([*REQUEST_TIMES, *FRONT_TIMES["http"]])


def test_what_never_runs_is_not_traced(repository: Path, tmp_path: Path) -> None:
    file = tmp_path / "trace"
    with _trace(repository, file, "level=TIMESTAMPS", "rate=1") as server:
        assert post(server, "/v2/models/simple/infer", "{}")[0] >= 400
        assert post(server, "/v2/models/plain/generate", '{"INPUT0": ["a", "b", "c"]}')[0] >= 400
        infer(server, "http", request_id="good")
    assert [head.get("request_id") for head in _heads(_read(file)).values()] == ["good"]


@pytest.mark.parametrize("worker", [(), ("-k", "asgi")], ids=["sync", "asgi"])
def test_a_front_end_started_by_hand(repository: Path, tmp_path: Path, worker: tuple[str, ...]) -> None:
    options = tmp_path / "options"
    options.write_text(
        f"model-repository={repository}\ntrace-config=triton,file={tmp_path / 'trace'}\n"
        "trace-config=triton,log-frequency=1\ntrace-config=level=TIMESTAMPS\ntrace-config=rate=1\n"
    )
    env = environment(
        TRITON_LITE_OPTIONS_FILE=str(options), TRITON_LITE_RUNTIME_DIR=str(tmp_path / "run"), HOME=str(tmp_path)
    )
    ports = free_ports(3)
    command = [sys.executable, "-m", "gunicorn", "triton_lite.frontends.http:app", "-b", f"127.0.0.1:{ports[0]}"]
    with started([*command, *worker], env, ports, cwd=tmp_path) as server:
        infer(server, "http", request_id="by hand")
        elements = _read(_appeared(tmp_path / "trace.0"))
    ((trace, head),) = _heads(elements).items()
    assert head["request_id"] == "by hand"
    assert sorted(_times(elements, trace)) == sorted([*REQUEST_TIMES, *FRONT_TIMES["http"]])


def _appeared(file: Path) -> Path:
    """Wait for an indexed file, which is written at once."""
    deadline = time.monotonic() + 30
    while not (file.exists() and file.read_bytes().endswith(b"]")):
        assert time.monotonic() < deadline
        threading.Event().wait(0.01)
    return file


def test_a_file_is_what_trace_summary_reads(repository: Path, tmp_path: Path) -> None:
    """trace_summary.py of NVIDIA's tests takes traces apart by id and needs these names in each."""
    file = tmp_path / "trace"
    with _trace(repository, file, "level=TIMESTAMPS", "rate=1") as server:
        infer(server, "http", request_id="a")
        infer(server, "grpc", request_id="b")
    for element in _read(file):
        assert element["id"] >= 1
        kinds = {"timestamps", "model_name", "activity"} & set(element)
        assert len(kinds) == 1
        for stamp in element.get("timestamps", ()):
            assert set(stamp) == {"name", "ns"}
