"""A server that is told to end: probes at once, then the delay, then what is in flight, and what is cut off."""

from __future__ import annotations

import contextlib
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import pytest
import tritonclient.grpc as grpcclient
from living_server import ask, is_ready, living, slow_request, until, write_slow
from server_process import ServerProcess, environment, free_ports, started

from triton_lite.proto import METHODS

CHECK = "/grpc.health.v1.Health/Check"
WATCH = "/grpc.health.v1.Health/Watch"
SERVING, NOT_SERVING = b"\x08\x01", b"\x08\x02"


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    folder = tmp_path / "models"
    for name, milliseconds in (("quick", 0), ("slow", 700), ("endless", 60_000)):
        write_slow(folder, name, milliseconds)
    return folder


def grpc_ready(channel: grpc.Channel) -> bool:
    method = METHODS["ServerReady"]
    call = channel.unary_unary("/inference.GRPCInferenceService/ServerReady")
    return bool(method.response.FromString(call(b"", timeout=30)).ready)


def infer_grpc(channel: grpc.Channel, model: str) -> Any:
    request = METHODS["ModelInfer"].request(model_name=model, raw_input_contents=[b"\7"])
    request.inputs.add(name="INPUT0", datatype="UINT8", shape=[1])
    call = channel.unary_unary("/inference.GRPCInferenceService/ModelInfer")
    return call.future(request.SerializeToString(), timeout=60)


def waiting(server: ServerProcess, model: str, count: int) -> bool:
    """Whether so many requests wait for the only instance of a model."""
    _, text = ask(f"127.0.0.1:{server.metrics_port}", "/metrics")
    return bool(re.search(rf'nv_inference_pending_request_count{{model="{model}".*}} {count}\b', text.decode()))


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_probes_turn_at_once_and_requests_are_served_through_the_delay(
    tmp_path: Path, repository: Path, number: signal.Signals
) -> None:
    with (
        living(tmp_path, str(repository), "--shutdown-delay=2") as server,
        grpc.insecure_channel(server.grpc) as channel,
    ):
        watched: list[bytes] = []
        watch = channel.unary_stream(WATCH)(b"")
        threading.Thread(target=_collect, args=(watch, watched), daemon=True).start()
        until(lambda: watched == [SERVING], "the watch says nothing")
        assert grpc_ready(channel)
        server.process.send_signal(number)
        told = time.monotonic()
        until(lambda: not is_ready(server), "HTTP stays ready")
        assert not grpc_ready(channel)
        assert channel.unary_unary(CHECK)(b"") == NOT_SERVING
        until(lambda: watched == [SERVING, NOT_SERVING], "the watch says nothing new")
        served = 0
        while server.process.poll() is None and "stopping:" not in server.text():
            status, _ = ask(server.http, "/v2/models/quick/infer", slow_request())
            if "stopping:" not in server.text():
                assert status == 200
                served += 1
        assert served > 3
        assert time.monotonic() - told >= 2
        assert server.process.wait(30) == 0, server.text()


def _collect(watch: Any, watched: list[bytes]) -> None:
    with contextlib.suppress(grpc.RpcError):
        for status in watch:
            watched.append(status)


def test_what_is_in_flight_is_finished(tmp_path: Path, repository: Path) -> None:
    with (
        living(tmp_path, str(repository)) as server,
        grpc.insecure_channel(server.grpc) as channel,
        ThreadPoolExecutor(1) as pool,
    ):
        by_http = pool.submit(ask, server.http, "/v2/models/slow/infer", slow_request())
        by_grpc = infer_grpc(channel, "slow")
        stream = grpcclient.InferenceServerClient(server.grpc)
        answers: list[Any] = []
        stream.start_stream(lambda result, error: answers.append(error or result))
        tensor = grpcclient.InferInput("INPUT0", [1], "UINT8")
        tensor.set_data_from_numpy(np.array([7], np.uint8))
        stream.async_stream_infer("slow", [tensor])
        until(lambda: waiting(server, "slow", 2), "no requests")
        server.process.send_signal(signal.SIGTERM)
        assert by_http.result()[0] == 200
        assert by_grpc.result()
        until(lambda: answers, "the stream has no answer")
        assert answers[0].as_numpy("OUTPUT0").tolist() == [7]
        stream.stop_stream()
        stream.close()
        assert server.process.wait(60) == 0
        assert "were not done in time" not in server.text()


def test_what_is_not_done_in_time_is_answered_and_reported(tmp_path: Path, repository: Path) -> None:
    with (
        living(tmp_path, str(repository), "--exit-timeout-secs=1") as server,
        grpc.insecure_channel(server.grpc) as channel,
        ThreadPoolExecutor(2) as pool,
    ):
        by_http = [pool.submit(ask, server.http, "/v2/models/endless/infer", slow_request()) for _ in range(2)]
        by_grpc = infer_grpc(channel, "endless")
        until(lambda: waiting(server, "endless", 2), "no requests")
        server.process.send_signal(signal.SIGTERM)
        for each in by_http:
            status, answer = each.result()
            assert (status, answer["error"]) == (503, "the server ends, and the request was not done in time")
        error = by_grpc.exception()
        assert error.code() is grpc.StatusCode.UNAVAILABLE
        assert error.details() == "the server ends, and the request was not done in time"
        assert server.process.wait(30) == 0, server.text()
        assert "2 requests in flight were not done in time and are answered 503" in server.text()
        assert "1 requests in flight were not done in time and were answered UNAVAILABLE" in server.text()


@pytest.mark.parametrize("delay", [0, 60])
def test_a_second_signal_ends_at_once(tmp_path: Path, repository: Path, delay: int) -> None:
    with living(tmp_path, str(repository), f"--shutdown-delay={delay}") as server, ThreadPoolExecutor(2) as pool:
        for _ in range(2):
            pool.submit(ask, server.http, "/v2/models/endless/infer", slow_request())
        until(lambda: waiting(server, "endless", 1), "no request")
        server.process.send_signal(signal.SIGTERM)
        until(lambda: ("not ready any more" if delay else "stopping:") in server.text(), "no first signal")
        server.process.send_signal(signal.SIGTERM)
        assert server.process.wait(20) == 0


def test_grpc_clients_are_told_to_go_away(tmp_path: Path, repository: Path) -> None:
    with living(tmp_path, str(repository)) as server, socket.create_connection(("127.0.0.1", server.grpc_port)) as raw:
        raw.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\0\0\0\4\0\0\0\0\0")
        raw.settimeout(30)
        raw.recv(9)  # The server's own settings: it has taken the connection.
        server.process.send_signal(signal.SIGTERM)
        received = b""
        while not _has_goaway(received):
            piece = raw.recv(4096)
            assert piece, received
            received += piece


def _has_goaway(data: bytes) -> bool:
    """Look for a GOAWAY frame (type 7 of stream 0) at any place: the first frame may have been read in part."""
    return bool(re.search(rb"\0\0.\x07\0\0\0\0\0", data, re.DOTALL))


def test_a_grpc_front_end_of_its_own_drains_too(tmp_path: Path, repository: Path) -> None:
    (port,) = free_ports(1)
    env = environment(
        TRITON_LITE_MODEL_REPOSITORY=str(repository),
        TRITON_LITE_RUNTIME_DIR=str(tmp_path / "run"),
        TRITON_LITE_ENGINE_LINGER_SECS="0",
    )
    command = [sys.executable, "-m", "triton_lite.frontends.grpc.main", f"--grpc-port={port}", "--shutdown-delay=2"]
    process = subprocess.Popen(command, env=env, stderr=subprocess.PIPE, text=True)
    with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        grpc.channel_ready_future(channel).result(30)
        until(lambda: grpc_ready(channel), "never ready")
        slow = infer_grpc(channel, "slow")
        process.send_signal(signal.SIGTERM)
        until(lambda: not grpc_ready(channel), "stays ready")
        assert channel.unary_unary(CHECK)(b"") == NOT_SERVING
        assert infer_grpc(channel, "quick").result()
        assert slow.result()
    _, log = process.communicate(timeout=30)
    assert process.returncode == 0, log
    until(lambda: not list((tmp_path / "run").iterdir()), "the engine leaves something")


GUNICORN = [str(Path(sys.executable).with_name("gunicorn")), "--graceful-timeout=30"]
OUR_WORKER = "triton_lite.frontends.http.worker.Worker"


class Load:
    """Clients that ask without pause on connections that they keep, as HTTP/1.1 clients do: a connection that the
    server closed between two requests is opened anew."""

    def __init__(self, server: ServerProcess, clients: int) -> None:
        self._port = server.http_port
        self._over = threading.Event()
        self.answered = 0
        self.problems: list[str] = []
        self._lock = threading.Lock()
        self._threads = [threading.Thread(target=self._run) for _ in range(clients)]

    def __enter__(self) -> Load:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join(60)

    def _run(self) -> None:
        import urllib3

        # No retries, but for a connection that was closed before it was asked anything (urllib3 looks before it sends).
        pool = urllib3.HTTPConnectionPool("127.0.0.1", self._port, maxsize=1, retries=False)
        while not self._over.is_set():
            try:
                answer = pool.request("POST", "/v2/models/quick/infer", json=slow_request())
                problem = "" if answer.status == 200 else f"{answer.status} {answer.data!r}"
            except Exception as error:
                problem = repr(error)
            with self._lock:
                if problem:
                    self.problems.append(problem)
                else:
                    self.answered += 1


def gunicorn(tmp_path: Path, repository: Path, *arguments: str, worker: str = "asgi") -> Any:
    ports = free_ports(3)
    env = environment(
        TRITON_LITE_MODEL_REPOSITORY=str(repository),
        TRITON_LITE_RUNTIME_DIR=str(tmp_path / "run"),
        TRITON_LITE_ENGINE_LINGER_SECS="3",
    )
    command = [*GUNICORN, "-k", worker, f"--bind=127.0.0.1:{ports[0]}", f"--pid={tmp_path / 'pid'}", *arguments]
    return started([*command, "triton_lite.frontends.http:app"], env, ports)


def more(load: Load, count: int) -> None:
    goal = load.answered + count
    until(lambda: load.answered >= goal or load.problems, "no answers")


@pytest.mark.parametrize("worker", ["asgi", OUR_WORKER], ids=["asgi", "ours"])
def test_gunicorn_hup_loses_no_request(tmp_path: Path, repository: Path, worker: str) -> None:
    with gunicorn(tmp_path, repository, "--workers=2", worker=worker) as server, Load(server, 8) as load:
        for _ in range(3):
            more(load, 300)
            boots = server.text().count("Booting worker")
            server.process.send_signal(signal.SIGHUP)
            until(lambda seen=boots: server.text().count("Booting worker") >= seen + 2, "no new workers")
        more(load, 300)
    assert load.problems == []


def test_gunicorn_max_requests_loses_no_request(tmp_path: Path, repository: Path) -> None:
    with gunicorn(tmp_path, repository, "--workers=2", "--max-requests=150") as server, Load(server, 8) as load:
        # One that is told to end while it starts forgets that: gunicorn waits for it for --graceful-timeout.
        until(lambda: server.text().count("ASGI server listening") >= 6 or load.problems, "workers stay")
    assert load.problems == []


def test_gunicorn_usr2_loses_no_request(tmp_path: Path, repository: Path) -> None:
    with gunicorn(tmp_path, repository, "--workers=2") as server, Load(server, 8) as load:
        more(load, 300)
        server.process.send_signal(signal.SIGUSR2)
        new = Path(tmp_path / "pid.2")
        until(new.exists, "no new master")
        until(lambda: server.text().count("Booting worker") >= 4, "no new workers")
        more(load, 300)
        pid = int(new.read_text())
        server.process.send_signal(signal.SIGTERM)  # The old master; the new one goes on.
        server.process.wait(60)
        more(load, 300)
        import os

        assert is_ready(server)
        os.kill(pid, signal.SIGTERM)
        load._over.set()
        until(lambda: not Path(f"/proc/{pid}").exists() or load.problems, "the new master stays")
    assert [each for each in load.problems if "refused" not in each] == []
