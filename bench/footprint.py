"""Start-up time and idle memory of `triton-lite serve`."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

from bench import processes
from bench.rounds import Comparison, Sample, alternate

ROOT = Path(__file__).resolve().parents[1]
IMPORTS = "import numpy, grpc, falcon, google.protobuf.message"
SETTLE_SECONDS = 3.0


def golden_arguments(folder: Path) -> list[str]:
    """The golden repository and the models to load of it."""
    script = str(ROOT / "tests" / "golden" / "make_models.py")
    subprocess.run([sys.executable, script, str(folder)], check=True, capture_output=True)
    names = subprocess.run(
        [sys.executable, script, "--list"], check=True, capture_output=True, text=True
    ).stdout.split()
    return ["--model-control-mode=explicit", *(f"--load-model={name}" for name in names)]


def time_to_ready(repository: Path, *extra: str) -> Sample:
    """Starts a second: from the command to readiness over HTTP with gRPC listening."""
    http, grpc, metrics = (processes.free_port() for _ in range(3))
    start = time.perf_counter()
    with processes.running(processes.serve_command(repository, http, grpc, metrics, *extra)) as server:
        processes.wait_for(lambda: processes.is_ready(http) and processes.listens(grpc), server)
        return Sample(1 / (time.perf_counter() - start))


def time_to_import() -> Sample:
    """Runs a second of a Python that only imports what a server cannot do without."""
    start = time.perf_counter()
    subprocess.run([sys.executable, "-c", IMPORTS], check=True)
    return Sample(1 / (time.perf_counter() - start))


def startup(rounds: int) -> list[Comparison]:
    """Ready within 2 (models/) and 5 (golden repository) times of the bare imports: ratios of at least 1/2, 1/5."""
    with tempfile.TemporaryDirectory() as name:
        golden = Path(name)
        arguments = golden_arguments(golden)
        cases: tuple[tuple[str, float, Callable[[], Sample]], ...] = (
            ("ready with models/", 1 / 2, lambda: time_to_ready(ROOT / "models")),
            ("ready with the golden repository", 1 / 5, lambda: time_to_ready(golden, *arguments)),
        )
        return [alternate(label, floor, run, time_to_import, rounds) for label, floor, run in cases]


def idle_memory() -> tuple[int, int]:
    """(PSS in bytes, threads) of all processes, idle with models/."""
    http, grpc, metrics = (processes.free_port() for _ in range(3))
    with processes.running(processes.serve_command(ROOT / "models", http, grpc, metrics)) as server:
        processes.wait_for(lambda: processes.is_ready(http) and processes.listens(grpc), server)
        threading.Event().wait(SETTLE_SECONDS)
        return processes.pss_bytes(server.pid), processes.thread_count(server.pid)
