"""A real server for tests: `triton-lite serve` (or the literal gunicorn command) on free ports, ended by pid."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import ssl
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

START_SECONDS = 60
STOP_SECONDS = 40


def free_ports(count: int) -> list[int]:
    """Ports that nobody listens on right now."""
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for sock in sockets:
            sock.bind(("127.0.0.1", 0))
        return [sock.getsockname()[1] for sock in sockets]


@dataclass(frozen=True)
class Probe:
    """How readiness is asked for, where it is not open to all. tls: what trusts the server's certificate."""

    headers: Mapping[str, str] = field(default_factory=dict)
    tls: ssl.SSLContext | None = None


@dataclass
class ServerProcess:
    """A running server. `log` is what it printed so far."""

    process: subprocess.Popen[str]
    http_port: int
    grpc_port: int
    metrics_port: int
    log: list[str] = field(default_factory=list)

    @property
    def http(self) -> str:
        """HOST:PORT of the HTTP front end."""
        return f"127.0.0.1:{self.http_port}"

    @property
    def grpc(self) -> str:
        """HOST:PORT of the gRPC front end."""
        return f"127.0.0.1:{self.grpc_port}"

    def text(self) -> str:
        """The log so far."""
        return "".join(self.log)


def _collect(process: subprocess.Popen[str], log: list[str]) -> None:
    assert process.stdout is not None
    for line in process.stdout:
        log.append(line)


def wait_ready(
    address: str,
    process: subprocess.Popen[str],
    log: Sequence[str],
    path: str = "/v2/health/ready",
    probe: Probe | None = None,
) -> None:
    """Return when the server says that it is ready; fail when it ends or takes too long."""
    deadline = time.monotonic() + START_SECONDS
    pause = threading.Event()
    probe = probe or Probe()
    scheme = "http" if probe.tls is None else "https"
    request = urllib.request.Request(f"{scheme}://{address}{path}", headers=dict(probe.headers))
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise AssertionError(f"the server ended with {process.returncode}:\n{''.join(log)}")
        try:
            with urllib.request.urlopen(request, timeout=5, context=probe.tls):
                return
        except (urllib.error.URLError, OSError):
            pause.wait(0.02)
    raise AssertionError(f"the server was not ready after {START_SECONDS} s:\n{''.join(log)}")


def environment(**extra: str) -> dict[str, str]:
    """This process's environment without what would steer the server.

    One process a front end, on any machine; the engine of front ends by hand does not outlive them for long.
    """
    kept = {k: v for k, v in os.environ.items() if not k.startswith("TRITON_LITE_") or k == "TRITON_LITE_DESCRIPTORS"}
    few = {"TRITON_LITE_HTTP_WORKERS": "1", "TRITON_LITE_GRPC_PROCESSES": "1", "TRITON_LITE_ENGINE_LINGER_SECS": "1"}
    return {**kept, **few, **extra}


def stop(process: subprocess.Popen[str]) -> int:
    """End the server as an operator does; returns its exit code."""
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
    try:
        return process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
        raise


@contextlib.contextmanager
def started(
    command: Sequence[str],
    env: dict[str, str],
    ports: Sequence[int],
    cwd: Path | None = None,
    probe: Probe | None = None,
) -> Iterator[ServerProcess]:
    """Run `command`, whose HTTP front end listens on ports[0], until the block ends."""
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=env, cwd=cwd, start_new_session=True
    )
    server = ServerProcess(process, *ports)
    reader = threading.Thread(target=_collect, args=(process, server.log), daemon=True)
    reader.start()
    try:
        wait_ready(server.http, process, server.log, probe=probe)
        yield server
    finally:
        stop(process)
        reader.join(5)


@contextlib.contextmanager
def serve(*arguments: str, probe: Probe | None = None, **env: str) -> Iterator[ServerProcess]:
    """`triton-lite serve ARGUMENTS` on free ports, ready."""
    ports = free_ports(3)
    flags = [f"--{name}-port={port}" for name, port in zip(("http", "grpc", "metrics"), ports, strict=True)]
    command = [sys.executable, "-m", "triton_lite.cli.main", "serve", *arguments, *flags]
    with started(command, environment(**env), ports, probe=probe) as server:
        yield server


def run_script(*command: str | Path, **env: str) -> subprocess.CompletedProcess[str]:
    """Run a script of the tree to its end and return what it printed."""
    return subprocess.run(
        [str(part) for part in command], capture_output=True, text=True, env=environment(**env), timeout=300
    )
