"""The log of a real server: one for all its processes, whole lines, changed and rotated while it runs."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import pytest
import tritonclient.grpc
from golden_server import make_models
from server_process import STOP_SECONDS, ServerProcess, environment, free_ports, serve, started, stop
from tritonclient.utils import InferenceServerException

MODELS = ("simple", "seq_direct", "cached")
DEFAULT = r'[IWE]\d{4} \d\d:\d\d:\d\d\.\d{6} (\d+) ([\w.]+):\d+\] (?:"(?:[^"\\\x00-\x1f]|\\.)*")?'
ISO8601 = r'\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ [IWE] (\d+) ([\w.]+):\d+\] (?:"(?:[^"\\\x00-\x1f]|\\.)*")?'
TABLE = r"[+|].*[+|]"
HOSTILE = 'x"\nE1124 06:23:00.123456 1 a.py:1] "forged"\r\n\x1b[31m'


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_models(tmp_path_factory.mktemp("models"))


class Logged:
    """A server with a log file."""

    def __init__(self, server: ServerProcess, path: Path) -> None:
        self.server = server
        self.path = path
        self.grpc = tritonclient.grpc.InferenceServerClient(server.grpc)

    def lines(self) -> list[str]:
        return self.path.read_text(encoding="utf-8").split("\n")[:-1]

    def http(self, method: str, path: str, body: str | None = None, **headers: str) -> tuple[int, Any, Any]:
        """One request on a connection of its own: status, headers, body."""
        connection = http.client.HTTPConnection(self.server.http, timeout=30)
        try:
            connection.request(method, path, body, {name.replace("_", "-"): value for name, value in headers.items()})
            response = connection.getresponse()
            return response.status, response.headers, response.read()
        finally:
            connection.close()

    def set(self, **settings: Any) -> None:
        assert self.http("POST", "/v2/logging", json.dumps(settings))[0] == 200

    def infer(self, request_id: str = "", model: str = "simple", **headers: str) -> tuple[int, Any, Any]:
        inputs = [
            {"name": name, "datatype": "INT32", "shape": [1, 16], "data": list(range(16))}
            for name in ("INPUT0", "INPUT1")
        ]
        body = {"inputs": inputs, **({"id": request_id} if request_id else {})}
        return self.http("POST", f"/v2/models/{model}/infer", json.dumps(body), **headers)

    def until(self, wanted: Callable[[], Any], again: Callable[[], object] = lambda: None) -> Any:
        """Return the first true answer, doing `again` before each question."""
        deadline = time.monotonic() + STOP_SECONDS
        pause = threading.Event()
        while time.monotonic() < deadline:
            again()
            found = wanted()
            if found:
                return found
            pause.wait(0.01)
        raise AssertionError("it never came:\n" + self.path.read_text())


@pytest.fixture
def start(repository: Path, tmp_path: Path) -> Iterator[Callable[..., Logged]]:
    """Starts servers with several processes of each front end; their logs are whole to the last line."""
    with contextlib.ExitStack() as stack:

        def begin(*options: str, **env: str) -> Logged:
            path = tmp_path / "log"
            models = [f"--load-model={name}" for name in MODELS]
            server = stack.enter_context(
                serve(
                    f"--model-repository={repository}",
                    "--model-control-mode=explicit",
                    *models,
                    f"--log-file={path}",
                    "--http-workers=2",
                    "--grpc-processes=2",
                    *options,
                    **env,
                )
            )
            return Logged(server, path)

        yield begin


def grpc_inputs() -> list[Any]:
    tensors = []
    for name in ("INPUT0", "INPUT1"):
        tensor = tritonclient.grpc.InferInput(name, [1, 16], "INT32")
        tensor.set_data_from_numpy(np.arange(16, dtype=np.int32).reshape(1, 16))
        tensors.append(tensor)
    return tensors


def pids(lines: list[str], text: str, form: str = DEFAULT) -> set[str]:
    """The processes whose lines have a text, all lines in one form."""
    found = set()
    for line in lines:
        if text in line:
            match = re.fullmatch(form, line)
            assert match, line
            found.add(match[1])
    return found


def test_settings_reach_every_process(start: Callable[..., Logged]) -> None:
    log = start()
    before = len(log.lines())

    def use() -> None:
        log.infer("one")
        with tritonclient.grpc.InferenceServerClient(
            log.server.grpc, channel_args=[("grpc.x", os.urandom(4).hex())]
        ) as c:
            c.infer("simple", grpc_inputs(), request_id="two")

    use()
    assert len(log.lines()) == before
    log.set(log_verbose_level=1, log_format="ISO8601")
    log.until(lambda: len(pids(log.lines()[before:], '"HTTP request: 2 /v2/models/simple/infer"', ISO8601)) == 2, use)
    log.until(lambda: len(pids(log.lines()[before:], '"Process for ModelInferHandler', ISO8601)) == 2, use)
    engine = pids(log.lines()[before:], '"[request id: two] prepared: ', ISO8601)
    assert len(engine) == 1
    assert pids(log.lines()[before:], '"model simple, instance simple_0_', ISO8601) == engine
    settings = log.grpc.get_log_settings(as_json=True)["settings"]
    assert settings["log_file"]["string_param"] == str(log.path)
    assert settings["log_verbose_level"]["uint32_param"] == 1
    log.grpc.update_log_settings({"log_verbose_level": 0})
    assert json.loads(log.http("GET", "/v2/logging")[2])["log_verbose_level"] == 0
    quiet = len(log.lines())
    use()
    assert len(log.lines()) == quiet


def test_front_ends_started_by_hand(repository: Path, tmp_path: Path) -> None:
    http_port, grpc_port, metrics = free_ports(3)
    path = tmp_path / "log"
    env = environment(
        TRITON_LITE_MODEL_REPOSITORY=str(repository),
        TRITON_LITE_MODEL_CONTROL_MODE="explicit",
        TRITON_LITE_LOAD_MODEL="simple",
        TRITON_LITE_RUNTIME_DIR=str(tmp_path / "run"),
        TRITON_LITE_LOG_FILE=str(path),
    )
    app = "triton_lite.frontends.http:app"
    gunicorn = [sys.executable, "-m", "gunicorn", app, "-b", f"127.0.0.1:{http_port}", "-w", "2", "-k", "asgi"]
    by_hand = [sys.executable, "-m", "triton_lite.frontends.grpc.main", f"--grpc-port={grpc_port}"]
    with started(gunicorn, env, (http_port, grpc_port, metrics), cwd=tmp_path) as server:
        process = subprocess.Popen(by_hand, env=env, cwd=tmp_path, stdout=subprocess.DEVNULL)
        try:
            log = Logged(server, path)
            log.until(lambda: any("Started GRPCInferenceService" in line for line in log.lines()))

            def use() -> None:
                log.infer("one")
                log.grpc.infer("simple", grpc_inputs())

            def everywhere() -> bool:
                lines = log.lines() if path.exists() else []
                return bool(
                    len(pids(lines, '"HTTP request: ')) == 2
                    and pids(lines, '"Process for ModelInferHandler')
                    and pids(lines, "] prepared: ")
                )

            use()
            assert not any("HTTP request" in line for line in log.lines())
            log.set(log_verbose_level=1)
            log.until(everywhere, use)
            path.rename(tmp_path / "log.1")
            log.until(everywhere, use)
            # What was set belongs to the engine: a front end that connects later takes it over.
            assert json.loads(log.http("GET", "/v2/logging")[2])["log_verbose_level"] == 1
        finally:
            stop(process)


def test_whole_lines_under_load(start: Callable[..., Logged]) -> None:
    log = start("--log-verbose=1", "--access-log=-")

    def work(number: int) -> None:
        for i in range(40):
            if number % 2:
                assert log.infer(f"{HOSTILE}{number}-{i}" + "x" * 3000)[0] == 200
            else:
                log.grpc.infer("simple", grpc_inputs(), request_id=f"{HOSTILE}{number}-{i}")

    threads = [threading.Thread(target=work, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    log.server.process.send_signal(signal.SIGTERM)
    log.server.process.wait(STOP_SECONDS)
    text = log.path.read_bytes().decode()
    assert "\r" not in text and "\x1b" not in text
    accesses = set()
    for line in text.split("\n")[:-1]:
        assert re.fullmatch(f"{DEFAULT}|{TABLE}", line), line
        found = re.search(r"\[31m(\d)-(\d+)x*\] access ", line)
        if found:
            accesses.add((int(found[1]), int(found[2])))
    # Of a long id the beginning is shown: those that came over HTTP are cut before nothing that matters here.
    assert accesses == {(number, i) for number in range(6) for i in range(40)}


def test_json_lines(start: Callable[..., Logged]) -> None:
    log = start("--log-format=json", "--log-verbose=1", "--access-log=-")
    log.infer(HOSTILE)
    log.until(lambda: any('"access"' in line for line in log.lines()))
    found = [json.loads(line) for line in log.lines()]
    assert all({"time", "level", "pid", "source", "message"} <= line.keys() for line in found)
    assert any(line["message"].startswith("+---") for line in found)
    (access,) = [line for line in found if line["message"] == "access"]
    assert access["request_id"] == HOSTILE and access["model"] == "simple" and access["status"] == "OK"
    (prepared,) = [line for line in found if line["message"].startswith("prepared: ")]
    assert prepared["request_id"] == HOSTILE and prepared["level"] == "verbose"
    log.set(log_format="default")
    log.until(lambda: re.fullmatch(DEFAULT, log.lines()[-1]), lambda: log.http("GET", "/v2/health/live"))
    log.set(log_format="json")
    log.http("GET", "/v2/health/live")
    assert json.loads(log.lines()[-1])["message"] == "HTTP request: 0 /v2/health/live"


def test_json_is_only_for_servers_that_began_with_it(start: Callable[..., Logged]) -> None:
    log = start()
    status, _, body = log.http("POST", "/v2/logging", '{"log_format": "json"}')
    assert status == 503 and json.loads(body) == {"error": "invalid argument for --log_format, got: json"}


@pytest.mark.parametrize("told", [True, False])
def test_rotation(start: Callable[..., Logged], told: bool) -> None:
    log = start("--log-verbose=1")
    moved = log.path.with_name("log.1")
    log.path.rename(moved)
    if told:
        log.server.process.send_signal(signal.SIGHUP)

    def use() -> None:
        log.infer("one")
        log.grpc.infer("simple", grpc_inputs())

    def everywhere() -> bool:
        if not log.path.exists():
            return False
        lines = log.lines()
        return bool(
            len(pids(lines, '"HTTP request: ')) == 2
            and pids(lines, '"Process for ModelInferHandler')
            and pids(lines, "] prepared: ")
        )

    log.until(everywhere, use)
    size = moved.stat().st_size
    use()
    assert moved.stat().st_size == size
    os.truncate(log.path, 0)  # logrotate's copytruncate
    use()
    lines = log.lines()
    assert lines and all(re.fullmatch(DEFAULT, line) for line in lines)


@pytest.mark.parametrize("told", [True, False])
def test_rotation_of_the_access_log(start: Callable[..., Logged], tmp_path: Path, told: bool) -> None:
    """Between the two files no line is lost or torn, whatever was under way."""
    path, moved = tmp_path / "access", tmp_path / "access.1"
    log = start(f"--access-log={path}")
    asked = 0

    def use() -> None:
        nonlocal asked
        assert log.infer(f"http-{asked}")[0] == 200
        log.grpc.infer("simple", grpc_inputs(), request_id=f"grpc-{asked}")
        asked += 1

    use()
    log.until(lambda: path.read_text().count("\n") == 2)
    path.rename(moved)
    if told:
        log.server.process.send_signal(signal.SIGHUP)
    log.until(path.exists, use)
    use()
    log.server.process.send_signal(signal.SIGTERM)
    log.server.process.wait(STOP_SECONDS)
    lines = (moved.read_text() + path.read_text()).split("\n")[:-1]
    assert all(re.fullmatch(DEFAULT, line) for line in lines)
    ids = [line.partition("[request id: ")[2].partition("]")[0] for line in lines]
    assert ids == [f"{protocol}-{number}" for number in range(asked) for protocol in ("http", "grpc")]


def test_access_log(start: Callable[..., Logged], tmp_path: Path) -> None:
    path = tmp_path / "access"
    log = start(f"--access-log={path}")
    status, headers, _ = log.infer("first")
    assert (status, headers["x-request-id"]) == (200, "first")
    status, headers, _ = log.infer("", x_request_id="from-the-proxy")
    assert (status, headers["x-request-id"]) == (200, "from-the-proxy")
    status, headers, _ = log.infer("third", model="missing")
    assert (status, headers["x-request-id"]) == (404, "third")
    status, headers, _ = log.infer(HOSTILE, x_request_id="given")
    assert (status, headers["x-request-id"]) == (200, "given")
    status, headers, _ = log.infer()
    assert (status, headers["x-request-id"]) == (200, None)
    log.grpc.infer("simple", grpc_inputs(), request_id="sixth")
    with pytest.raises(InferenceServerException):
        log.grpc.infer("simple", grpc_inputs()[:1], request_id="seventh")
    log.server.process.send_signal(signal.SIGTERM)
    log.server.process.wait(STOP_SECONDS)
    form = (
        r'I\S+ \S+ \d+ access_log\.cc:\d+\] "\[request id: (?P<id>.*)\] access protocol=(?P<protocol>\w+) '
        r"peer=127\.0\.0\.1:\d+ model=(?P<model>\w+) version=(?P<version>\S+) status=(?P<status>\w+) "
        r"bytes_in=(?P<bytes_in>\d+) bytes_out=(?P<bytes_out>\d+) queue_us=(?P<queue>\d+) compute_us=(?P<compute>\d+) "
        r'total_us=(?P<total>\d+)"'
    )
    found = []
    for line in path.read_text().split("\n")[:-1]:
        match = re.fullmatch(form, line)
        assert match, line
        found.append(match.groupdict())
    assert [(line["id"][:14], line["protocol"], line["model"], line["version"], line["status"]) for line in found] == [
        ("first", "http", "simple", "1", "OK"),
        ("from-the-proxy", "http", "simple", "1", "OK"),
        ("third", "http", "missing", "-", "NOT_FOUND"),
        ('x\\"\\nE1124 06:', "http", "simple", "1", "OK"),
        ("<id_unknown>", "http", "simple", "1", "OK"),
        ("sixth", "grpc", "simple", "1", "OK"),
        ("seventh", "grpc", "simple", "-", "INVALID_ARGUMENT"),
    ]
    assert all(int(line["bytes_in"]) > 100 and int(line["bytes_out"]) > 0 for line in found)
    for line in found:
        if line["status"] == "OK":
            assert 0 < int(line["compute"]) <= int(line["total"])
            assert int(line["queue"]) <= int(line["total"])


def test_request_ids_over_grpc(start: Callable[..., Logged]) -> None:
    log = start()
    from tritonclient.grpc import service_pb2, service_pb2_grpc

    with grpc.insecure_channel(log.server.grpc) as channel:
        stub = service_pb2_grpc.GRPCInferenceServiceStub(channel)

        def initial(request_id: str) -> dict[str, Any]:
            request = service_pb2.ModelInferRequest(model_name="simple", id=request_id)
            for tensor in grpc_inputs():
                request.inputs.append(tensor._get_tensor())
                request.raw_input_contents.append(tensor._get_content())
            call = stub.ModelInfer.future(request)
            call.result()
            return dict(call.initial_metadata())

        assert initial("one")["x-request-id"] == "one"
        assert initial("x" * 256)["x-request-id"] == "x" * 256
        assert "x-request-id" not in initial("x" * 257)
        assert "x-request-id" not in initial("a\nb")
        assert "x-request-id" not in initial("")
        assert "x-request-id" not in initial("ä")
        stream = stub.ModelStreamInfer(iter(()), metadata=(("x-request-id", "given"),))
        assert dict(stream.initial_metadata())["x-request-id"] == "given"


def test_a_restarted_sequence_is_warned_of(start: Callable[..., Logged]) -> None:
    log = start()

    def send(**flags: bool) -> None:
        tensor = tritonclient.grpc.InferInput("INPUT", [1, 1], "INT32")
        tensor.set_data_from_numpy(np.ones((1, 1), np.int32))
        log.grpc.infer("seq_direct", [tensor], sequence_id=42, **flags)

    send(sequence_start=True)
    assert not any("conflict" in line for line in log.lines())
    send(sequence_start=True, sequence_end=True)
    (line,) = [line for line in log.lines() if "conflict" in line]
    assert line.startswith("W")
    assert line.endswith(
        "] \"sequence 42 for model 'seq_direct' has a conflict. The previous sequence did not end before this sequence "
        'start. Previous sequence will be terminated early."'
    )


def test_failed_insertions_into_the_cache_are_told(start: Callable[..., Logged]) -> None:
    log = start("--cache-config=local,size=64")
    tensor = {"name": "INPUT0", "datatype": "FP32", "shape": [1, 4], "data": [1, 2, 3, 4]}
    assert log.http("POST", "/v2/models/cached/infer", json.dumps({"inputs": [tensor]}))[0] == 200
    (line,) = [line for line in log.lines() if "response cache" in line]
    assert re.fullmatch(
        r'E.*\] "Failed to insert key \[\d+\] into response cache: Requested byte_size: \d+ is greater than total '
        r'cache size: 64"',
        line,
    )


def test_unescaped(start: Callable[..., Logged]) -> None:
    log = start("--log-verbose=1", TRITON_SERVER_ESCAPE_LOG_MESSAGES="0")
    log.infer('say "one"')
    assert any(line.endswith("] HTTP request: 2 /v2/models/simple/infer") for line in log.lines())
    assert any('] [request id: say "one"] prepared: ' in line for line in log.lines())


def test_verbose_refusals(start: Callable[..., Logged]) -> None:
    log = start("--log-verbose=1")
    with pytest.raises(InferenceServerException):
        log.grpc.infer("simple", grpc_inputs()[:1], request_id="one")
    assert any('] "[request id: one] Infer failed: [request id: one] expected 2 inputs' in line for line in log.lines())
