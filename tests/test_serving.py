"""A program's server on ports: both protocols with real clients, and what is left when it ends."""

from __future__ import annotations

import os
import queue
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import tritonclient.grpc
import tritonclient.http
from server_process import environment

import triton_lite
from triton_lite import Tensor
from triton_lite.errors import Code, TritonError

FREE = {"http_port": 0, "grpc_port": 0, "metrics_port": 0, "address": "127.0.0.1"}
FLOATS = Tensor("x", np.float32, (-1,))
RESULT = Tensor("y", np.float32, (-1,))
VALUE = np.arange(3, dtype=np.float32)[None]
END_SECONDS = 60


@pytest.fixture(autouse=True)
def runtime_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The only folder that is written to."""
    folder = tmp_path / "run"
    monkeypatch.setenv("TRITON_LITE_RUNTIME_DIR", str(folder))
    return folder


@pytest.fixture
def server(runtime_folder: Path) -> Iterator[triton_lite.Server]:
    with triton_lite.Server() as running:

        @running.model(inputs=[FLOATS], outputs=[RESULT])
        def double(x):
            return 2 * x

        yield running


def ask(kind, port: int, model: str = "double") -> np.ndarray:
    with kind.InferenceServerClient(f"127.0.0.1:{port}") as client:
        sent = kind.InferInput("x", VALUE.shape, "FP32")
        sent.set_data_from_numpy(VALUE)
        return client.infer(model, [sent]).as_numpy("y")


def test_both_protocols_and_the_metrics(server):
    with server.serve(**FREE) as serving:
        for kind, port in ((tritonclient.http, serving.http_port), (tritonclient.grpc, serving.grpc_port)):
            assert np.array_equal(ask(kind, port), 2 * VALUE)
            with kind.InferenceServerClient(f"127.0.0.1:{port}") as client:
                assert client.is_server_ready()
                assert client.is_model_ready("double")
        server.model("later", inputs=[FLOATS], outputs=[RESULT])(lambda x: 3 * x)
        assert np.array_equal(ask(tritonclient.http, serving.http_port, "later"), 3 * VALUE)
        with socket.create_connection(("127.0.0.1", serving.metrics_port)) as connection:
            connection.sendall(b"GET /metrics HTTP/1.0\r\n\r\n")
            text = b"".join(iter(lambda: connection.recv(65536), b""))
        assert b'nv_inference_request_success{model="double",version="1"} 2' in text
    assert not serving.running


def test_generators_over_a_stream(server):
    @server.model(inputs=[Tensor("n", np.int32, (1,))], outputs=[RESULT])
    def count(n):
        for number in range(int(n[0, 0])):
            yield np.full((1, 1), number, np.float32)

    answers: queue.SimpleQueue = queue.SimpleQueue()
    with (
        server.serve(**FREE) as serving,
        tritonclient.grpc.InferenceServerClient(f"127.0.0.1:{serving.grpc_port}") as client,
    ):
        client.start_stream(lambda result, error: answers.put((result, error)))
        sent = tritonclient.grpc.InferInput("n", [1, 1], "INT32")
        sent.set_data_from_numpy(np.array([[4]], np.int32))
        client.async_stream_infer("count", [sent], enable_empty_final_response=True)
        numbers = []
        while True:
            result, error = answers.get(timeout=60)
            assert error is None
            if result.get_response().parameters["triton_final_response"].bool_param:
                break
            numbers.append(int(result.as_numpy("y")[0, 0]))
        client.stop_stream()
    assert numbers == [0, 1, 2, 3]


def test_serving_again_and_leaving_nothing(server, runtime_folder):
    for _ in range(2):
        with server.serve(**FREE, allow_metrics=False) as serving:
            assert serving.metrics_port is None
            assert np.array_equal(ask(tritonclient.http, serving.http_port), 2 * VALUE)
            with pytest.raises(TritonError) as raised:
                server.serve(**FREE)
            assert raised.value.code is Code.ALREADY_EXISTS
    server.stop()
    assert list(runtime_folder.iterdir()) == []


def test_a_port_that_is_taken(server):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(TritonError) as raised:
            server.serve(**{**FREE, "http_port": port})
    assert raised.value.code is Code.UNAVAILABLE
    assert raised.value.text.startswith(f"127.0.0.1:{port} is used by another process; choose another port")
    with server.serve(**{**FREE, "http_port": port}) as serving:
        assert serving.http_port == port


@pytest.mark.parametrize(
    ("options", "text"),
    [({"no_such": 1}, "serve() has no option 'no_such'"), ({"http_port": 1 << 20}, 'Bad option: "--http-port"')],
)
def test_options_that_are_none(server, options, text):
    with pytest.raises(TritonError) as raised:
        server.serve(**{**FREE, **options})
    assert raised.value.code is Code.INVALID_ARGUMENT
    assert raised.value.text.startswith(text)


def test_the_server_stops_what_it_serves(server):
    serving = server.serve(**FREE)
    server.stop()
    assert not serving.running
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", serving.http_port))


def test_a_request_in_flight_is_answered_before_the_end(server):
    entered, go = threading.Event(), threading.Event()

    @server.model(inputs=[FLOATS], outputs=[RESULT])
    def slow(x):
        entered.set()
        go.wait(60)
        return x

    serving = server.serve(**FREE)
    answers: list[np.ndarray] = []
    client = threading.Thread(target=lambda: answers.append(ask(tritonclient.http, serving.http_port, "slow")))
    client.start()
    assert entered.wait(60)
    closing = threading.Thread(target=serving.close)
    closing.start()
    go.set()
    client.join(60)
    closing.join(60)
    assert np.array_equal(answers, [VALUE])


PROGRAM = """
import os, sys, threading, numpy as np, triton_lite
from triton_lite import Tensor
server = triton_lite.Server()
@server.model(inputs=[Tensor("x", np.float32, (-1,))], outputs=[Tensor("y", np.float32, (-1,))])
def double(x):
    return 2 * x
ports = dict(http_port=0, grpc_port=0, metrics_port=0, address="127.0.0.1")
{end}
"""

# Tells its ports and process ids, then waits.
WAITING = """
serving = server.serve(**ports)
print(serving.http_port, serving.grpc_port, serving._process.pid, flush=True)
{then}
"""


def start(end: str, folder: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", PROGRAM.format(end=end)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment(TRITON_LITE_RUNTIME_DIR=str(folder)),
    )


def numbers_of(process: subprocess.Popen[str]) -> list[int]:
    assert process.stdout is not None
    return [int(word) for word in process.stdout.readline().split()]


def wait_for(reached) -> None:
    deadline = time.monotonic() + END_SECONDS
    while not reached():
        assert time.monotonic() < deadline
        threading.Event().wait(0.02)


def processes_of(session: int) -> list[int]:
    """The processes of a session, and those whose sessions they began."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue
            if fields[0] != "Z" and session in (int(entry.name), int(fields[1]), int(fields[3])):
                found.append(int(entry.name))
    return found


@pytest.mark.parametrize("program", [True, False], ids=["the program", "its front ends"])
def test_kill_leaves_nothing(runtime_folder, program):
    process = start(WAITING.format(then="threading.Event().wait()" if program else "serving.wait()"), runtime_folder)
    try:
        http_port, grpc_port, front_ends = numbers_of(process)
        assert np.array_equal(ask(tritonclient.grpc, grpc_port), 2 * VALUE)
        before = processes_of(front_ends)
        assert len(before) > 2
        os.kill(process.pid if program else front_ends, signal.SIGKILL)
        assert process.wait(END_SECONDS) == (-signal.SIGKILL if program else 1)
        wait_for(lambda: not [pid for pid in before if Path(f"/proc/{pid}").exists()])
        wait_for(lambda: list(runtime_folder.iterdir()) == [])
        for port in (http_port, grpc_port):
            with pytest.raises(ConnectionRefusedError):
                socket.create_connection(("127.0.0.1", port))
    finally:
        process.kill()
        _, log = process.communicate()
    if not program:
        assert "the front ends ended unexpectedly" in log


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_serving_until_a_signal_comes(runtime_folder, number):
    end = """
def tell():
    while server._serving is None:
        threading.Event().wait(0.01)
    print(server._serving.http_port, flush=True)
threading.Thread(target=tell, daemon=True).start()
server.serve_forever(**ports)
print("end")
"""
    process = start(end, runtime_folder)
    try:
        (port,) = numbers_of(process)
        assert np.array_equal(ask(tritonclient.http, port), 2 * VALUE)
        process.send_signal(number)
        output, _ = process.communicate(timeout=END_SECONDS)
        assert (process.returncode, output) == (0, "end\n")
    finally:
        process.kill()
    assert list(runtime_folder.iterdir()) == []


def test_a_program_that_ends_without_closing(runtime_folder):
    process = start(WAITING.format(then=""), runtime_folder)
    _, log = process.communicate(timeout=END_SECONDS)
    assert process.returncode == 0, log
    assert list(runtime_folder.iterdir()) == []


def test_a_front_end_that_dies_is_started_again(server):
    with server.serve(**FREE) as serving:
        children = [pid for pid in processes_of(serving._process.pid) if pid != serving._process.pid]
        for pid in children:
            os.kill(pid, signal.SIGKILL)

        def answered() -> bool:
            try:
                ask(tritonclient.http, serving.http_port)
                return np.array_equal(ask(tritonclient.grpc, serving.grpc_port), 2 * VALUE)
            except Exception:
                return False

        wait_for(answered)
