"""Requests through an engine of this process against a bare loop over ONNX Runtime; builds and runs the loops."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from triton_lite.engine.onnxruntime_library import find_library

ROOT = Path(__file__).resolve().parents[1]
MODEL = ROOT / "models" / "simple" / "1" / "model.onnx"


def build(program: str) -> Path:
    """Build a program of bench/native with the build tools of this Python's environment."""
    folder = ROOT / "build" / "bench"
    path = f"{Path(sys.executable).parent}:/usr/local/bin:/usr/bin:/bin"
    configure = ["cmake", "-S", str(ROOT), "-B", str(folder), "-G", "Ninja", "-DTRITON_LITE_BUILD_MODULE=OFF"]
    env = {name: value for name, value in os.environ.items() if name.startswith(("CMAKE_", "CCACHE_", "HOME"))}
    for command in ([*configure, "-DTRITON_LITE_BUILD_BENCH=ON"], ["cmake", "--build", str(folder), "-t", program]):
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, env={**env, "PATH": path})
    return folder / "bench" / program


def compare(rounds: int, seconds: float) -> str:
    """Run the load loop on models/simple. Returns its lines: rates, ratios, time outside the backend."""
    return _against_bare_run("inprocess_bench", rounds, seconds)


def channel(rounds: int, seconds: float) -> str:
    """Run the channel against a socket, alone and beside a busy process. Returns its lines."""
    program = str(build("channel_bench"))
    return "".join(
        subprocess.run([program, str(rounds), str(seconds), *busy], check=True, capture_output=True, text=True).stdout
        for busy in ([], ["busy"])
    )


def sequences(rounds: int, seconds: float) -> str:
    """Run the sequence batcher alone, with few and with 10,000 live sequences. Returns its lines."""
    return _against_bare_run("sequence_bench", rounds, seconds)


def cache(rounds: int, seconds: float) -> str:
    """Run hits of the local response cache through an engine of this process. Returns its lines."""
    return _against_bare_run("cache_bench", rounds, seconds)


def _against_bare_run(name: str, rounds: int, seconds: float) -> str:
    command = [str(build(name)), str(find_library()), str(MODEL), str(rounds), str(seconds)]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout
