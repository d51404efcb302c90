"""An engine with scripted models (tests/native/engine/scripted_model.h) behind real front ends."""

from __future__ import annotations

import contextlib
import json
import os
import queue
import shutil
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from native_programs import program
from server_process import START_SECONDS, STOP_SECONDS, free_ports, serve

LOG_SECONDS = 30
MODELS = Path(__file__).with_name("scripted_models")

FINISH = {"finish": 1}


def send(value: int | list[int], **more: Any) -> dict[str, Any]:
    """One response (or `times`), with OUT = value. last=1: the last."""
    return {"send": value, **more}


def script_of(*steps: dict[str, Any]) -> str:
    """The value of the input SCRIPT."""
    return json.dumps(steps)


@dataclass
class ScriptedEngine:
    """Running processes. `said` has the lines that models say."""

    http_port: int
    grpc_port: int
    said: queue.Queue[str] = field(default_factory=queue.Queue)
    process_ids: dict[str, int] = field(default_factory=dict)

    @property
    def http(self) -> str:
        """HOST:PORT of the HTTP front end."""
        return f"127.0.0.1:{self.http_port}"

    @property
    def grpc(self) -> str:
        """HOST:PORT of the gRPC front end."""
        return f"127.0.0.1:{self.grpc_port}"

    def await_line(self, start: str) -> str:
        """Wait until a model says something that begins so, and return it."""
        while True:
            line = self.said.get(timeout=LOG_SECONDS)
            if line.startswith(start):
                return line

    def await_stall(self) -> int:
        """Wait until a model that sends many waits for its client, and go on waiting; return how many it has sent."""
        last = self.await_line("waits after ")
        with contextlib.suppress(queue.Empty):
            # Until the buffers of the connection are full, more goes off at times.
            while True:
                last = self.said.get(timeout=1)
        return int(last.split()[-1])

    def resident_bytes(self, name: str) -> int:
        """What the front end `name` ("grpc", "http") has in memory of its own."""
        status = Path(f"/proc/{self.process_ids[name]}/status").read_text(encoding="utf-8")
        (line,) = (line for line in status.splitlines() if line.startswith("RssAnon:"))
        return int(line.split()[1]) * 1024


@contextlib.contextmanager
def running(folder: Path, worker: str = "asgi", grpc_options: Sequence[str] = ()) -> Iterator[ScriptedEngine]:
    """Run an engine and its front ends. worker: gunicorn's class. folder: for the engine's socket."""
    http_port, grpc_port = free_ports(2)
    path = folder / "engine.sock"
    engine = ScriptedEngine(http_port, grpc_port)
    env = dict(os.environ, TRITON_LITE_ENGINE=str(path), TRITON_LITE_SUPERVISED="1")
    http = ["-m", "gunicorn", "-k", worker, "--threads", "4", "-b", engine.http, "--no-control-socket"]
    grpc = ["-m", "triton_lite.frontends.grpc.main", f"--grpc-port={grpc_port}", *grpc_options]
    with contextlib.ExitStack() as stack:
        driver = _start(stack, [str(program("engine_scripted_driver")), str(path)], env, stdin=subprocess.PIPE)
        threading.Thread(target=_collect, args=(driver, engine.said), daemon=True).start()
        engine.await_line("ready")
        _start(stack, [sys.executable, *http, "triton_lite.frontends.http:app"], env)
        engine.process_ids["grpc"] = _start(stack, [sys.executable, *grpc], env).pid
        for port in (http_port, grpc_port):
            _await_port(port)
        yield engine


@contextlib.contextmanager
def running_python(folder: Path) -> Iterator[ScriptedEngine]:
    """Run a whole server with the same models in Python. folder: for its repository."""
    path = folder / "said"
    repository = make_repository(folder, path)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as said, serve(str(repository)) as server:
        said.bind(str(path))
        engine = ScriptedEngine(server.http_port, server.grpc_port)
        threading.Thread(target=_receive, args=(said, engine.said), daemon=True).start()
        yield engine


def make_repository(folder: Path, said: Path) -> Path:
    """Make a repository of the Python models, which say what they say to the datagram socket `said`."""
    repository = folder / "models"
    shutil.copytree(MODELS, repository)
    for ensemble in ("ens", "ens_two"):
        (repository / ensemble / "1").mkdir(exist_ok=True)
    config = repository / "script" / "config.pbtxt"
    config.write_text(config.read_text(encoding="utf-8").replace("SAID", str(said)), encoding="utf-8")
    return repository


def _receive(said: socket.socket, lines: queue.Queue[str]) -> None:
    with contextlib.suppress(OSError):  # The test is over.
        while True:
            lines.put(said.recv(4096).decode())


def _start(
    stack: contextlib.ExitStack, command: Sequence[str], env: dict[str, str], stdin: int | None = subprocess.DEVNULL
) -> subprocess.Popen[str]:
    process = subprocess.Popen(command, env=env, stdin=stdin, stdout=subprocess.PIPE, text=True)
    stack.callback(_stop, process)
    return process


def _stop(process: subprocess.Popen[str]) -> None:
    if process.stdin is not None:
        process.stdin.close()
    else:
        process.terminate()
    try:
        process.wait(STOP_SECONDS)
    finally:
        process.kill()


def _collect(process: subprocess.Popen[str], said: queue.Queue[str]) -> None:
    assert process.stdout is not None
    for line in process.stdout:
        said.put(line.rstrip("\n"))


def _await_port(port: int) -> None:
    deadline = time.monotonic() + START_SECONDS
    while True:
        with socket.socket() as sock:
            if sock.connect_ex(("127.0.0.1", port)) == 0:
                return
        assert time.monotonic() < deadline, f"nobody listens on {port}"
        time.sleep(0.02)
