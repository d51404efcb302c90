"""The golden corpus: its models, the start-up line its answers belong to, and the replay."""

from __future__ import annotations

import contextlib
import re
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from server_process import ServerProcess, environment, free_ports, serve, started, stop

GOLDEN = Path(__file__).resolve().parent / "golden"


def make_models(folder: Path) -> Path:
    """Write the corpus's model repository."""
    subprocess.run([sys.executable, str(GOLDEN / "make_models.py"), str(folder)], check=True, capture_output=True)
    return folder


def loaded_models() -> list[str]:
    """The models to load at start."""
    done = subprocess.run(
        [sys.executable, str(GOLDEN / "make_models.py"), "--list"], check=True, capture_output=True, text=True
    )
    return done.stdout.split()


def flags(repository: Path, trace_file: Path) -> dict[str, list[str]]:
    """The golden start-up line: option name -> values."""
    return {
        "model-repository": [str(repository)],
        "model-control-mode": ["explicit"],
        "load-model": loaded_models(),
        "cache-config": ["local,size=4194304"],
        "trace-config": [f"triton,file={trace_file}", "level=OFF"],
    }


def command_line(options: dict[str, list[str]]) -> list[str]:
    """The same as arguments."""
    return [f"--{name}={value}" for name, values in options.items() for value in values]


@contextlib.contextmanager
def golden_serve(folder: Path) -> Iterator[ServerProcess]:
    """`triton-lite serve` with the golden start-up line."""
    repository = make_models(folder / "models")
    with serve(*command_line(flags(repository, folder / "trace.json"))) as server:
        yield server


@contextlib.contextmanager
def golden_gunicorn(folder: Path, *worker: str) -> Iterator[ServerProcess]:
    """The literal gunicorn command and triton-lite-grpc by hand, sharing one engine, in a folder of their own."""
    repository = make_models(folder / "models")
    http, grpc, metrics = free_ports(3)
    options_file = folder / "options"
    lines = [f"{name}={value}" for name, values in flags(repository, folder / "trace.json").items() for value in values]
    options_file.write_text("\n".join(lines) + "\n")
    runtime = folder / "run"
    env = environment(
        TRITON_LITE_OPTIONS_FILE=str(options_file), TRITON_LITE_RUNTIME_DIR=str(runtime), HOME=str(folder)
    )
    gunicorn = [sys.executable, "-m", "gunicorn", "triton_lite.frontends.http:app", "-b", f"127.0.0.1:{http}"]
    gunicorn += worker
    grpc_command = [sys.executable, "-m", "triton_lite.frontends.grpc.main", f"--grpc-port={grpc}"]
    with (
        started(gunicorn, env, (http, grpc, metrics), cwd=folder) as server,
        _listening(grpc_command, env, folder, grpc),
    ):
        yield server


@contextlib.contextmanager
def _listening(command: list[str], env: dict[str, str], folder: Path, port: int) -> Iterator[None]:
    """Run a server that listens on `port`; again where it ends: a client's connection may have the port just now."""
    deadline = time.monotonic() + 60
    pause = threading.Event()
    log = folder / "grpc.log"
    with log.open("w") as output:
        process = subprocess.Popen(command, env=env, cwd=folder, stdout=output, stderr=output, text=True)
        try:
            while not _accepts(port):
                assert time.monotonic() < deadline, log.read_text()
                pause.wait(0.1)
                if process.poll() is not None:
                    process = subprocess.Popen(command, env=env, cwd=folder, stdout=output, stderr=output, text=True)
            yield
        finally:
            stop(process)


def _accepts(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 5):
        return True
    return False


_ROW = re.compile(r"^(\w+) +(\d+)/(\d+) +\d+/\d+ +\d+/\d+ +(\d+)/(\d+)", re.M)


@dataclass(frozen=True)
class AreaScore:
    """What the replay says of one area: cases passed, and error texts that are exactly Triton's."""

    passed: int
    cases: int
    equal_texts: int
    texts: int


@dataclass(frozen=True)
class Replay:
    """The outcome of a replay."""

    areas: dict[str, AreaScore]
    output: str


def replay(server: ServerProcess, areas: list[str], *extra: str) -> Replay:
    """Replay `areas` with the corpus's own program."""
    command = [sys.executable, str(GOLDEN / "replay.py"), "--http", server.http, "--grpc", server.grpc, *extra]
    for area in areas:
        command += ["--area", area]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    rows = {row[0]: AreaScore(*map(int, row[1:])) for row in _ROW.findall(done.stdout)}
    assert set(rows) == set(areas), done.stdout[-4000:] + done.stderr[-4000:]
    return Replay(rows, done.stdout)
