"""Processes under measurement: starting them, their CPU time and their memory, all from /proc."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

TICK = os.sysconf("SC_CLK_TCK")


def free_port() -> int:
    """A TCP port that nobody listens on right now."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


def tree(root: int) -> list[int]:
    """`root` and all its descendants."""
    children: dict[int, list[int]] = {}
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            with contextlib.suppress(OSError):
                fields = Path(f"/proc/{entry}/stat").read_text().rpartition(")")[2].split()
                children.setdefault(int(fields[1]), []).append(int(entry))
    found = [root]
    for pid in found:
        found += children.get(pid, [])
    return found


def cpu_seconds(root: int) -> float:
    """User and system time of the tree so far."""
    total = 0
    for pid in tree(root):
        with contextlib.suppress(OSError):
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            total += int(fields[11]) + int(fields[12])
    return total / TICK


def pss_bytes(root: int) -> int:
    """Proportional set size of the tree: shared pages count once in sum."""
    total = 0
    for pid in tree(root):
        with contextlib.suppress(OSError):
            for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
                if line.startswith("Pss:"):
                    total += int(line.split()[1]) * 1024
    return total


def thread_count(root: int) -> int:
    """Threads of the tree."""
    return sum(len(os.listdir(f"/proc/{pid}/task")) for pid in tree(root))


def wait_for(
    condition: Callable[[], bool], process: subprocess.Popen[bytes], seconds: float = 60, pause_seconds: float = 0.005
) -> None:
    """Return when `condition` holds; fail when the process ends first."""
    pause = threading.Event()
    deadline = time.monotonic() + seconds
    while not condition():
        if process.poll() is not None:
            raise RuntimeError(f"{process.args!r} ended with {process.returncode}")
        if time.monotonic() > deadline:
            raise RuntimeError(f"{process.args!r} was not ready after {seconds} s")
        pause.wait(pause_seconds)


def listens(port: int) -> bool:
    """True when somebody accepts connections on the port."""
    with socket.socket() as sock:
        return sock.connect_ex(("127.0.0.1", port)) == 0


def is_ready(port: int) -> bool:
    """True when the server on the port says that it is ready."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/v2/health/ready", timeout=5) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False


@contextlib.contextmanager
def running(command: Sequence[str], cwd: Path | None = None) -> Iterator[subprocess.Popen[bytes]]:
    """The process until the block ends; then SIGTERM, and SIGKILL when that does not help."""
    process = subprocess.Popen(command, cwd=cwd, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        yield process
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def serve_command(repository: Path, http: int, grpc: int, metrics: int, *extra: str) -> list[str]:
    """`triton-lite serve` on the given ports."""
    command = [sys.executable, "-m", "triton_lite.cli.main", "serve", f"--model-repository={repository}"]
    return [*command, f"--http-port={http}", f"--grpc-port={grpc}", f"--metrics-port={metrics}", *extra]
