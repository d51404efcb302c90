"""The GPU under test, as its driver and nvidia-smi show it."""

from __future__ import annotations

import ctypes
import functools
import subprocess
import threading
import time
from collections.abc import Callable
from typing import Any

SECONDS = 30
MEBIBYTE = 1 << 20


def missing() -> str | None:
    """What tests need and this machine lacks; None where it has all."""
    try:
        driver = ctypes.CDLL("libcuda.so.1")
    except OSError as error:
        return f"no NVIDIA driver: {error}"
    count = ctypes.c_int()
    if (code := driver.cuInit(0)) or (code := driver.cuDeviceGetCount(ctypes.byref(count))):
        return f"the NVIDIA driver shows no GPU: CUDA error {code}"
    return None if count.value else "the NVIDIA driver shows no GPU"


def gpu_count() -> int:
    """How many GPUs the driver shows."""
    count = ctypes.c_int()
    ctypes.CDLL("libcuda.so.1").cuDeviceGetCount(ctypes.byref(count))
    return count.value


def query(*fields: str) -> list[str]:
    """What nvidia-smi says of the first GPU, without units."""
    command = ["nvidia-smi", f"--query-gpu={','.join(fields)}", "--format=csv,noheader,nounits", "--id=0"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS)
    assert done.returncode == 0, done.stdout + done.stderr
    return [field.strip() for field in done.stdout.splitlines()[0].split(",")]


@functools.cache
def uuid() -> str:
    """The name of the first GPU in metrics."""
    return query("uuid")[0]


def used_memory() -> int:
    """Bytes of the first GPU's memory that all processes use, to the mebibyte."""
    return int(query("memory.used")[0]) * MEBIBYTE


def wait_for(condition: Callable[[], bool], what: Callable[[], Any], seconds: float = SECONDS) -> None:
    """Ask again until it is so; fails after a while, and shows `what`."""
    deadline = time.monotonic() + seconds
    pause = threading.Event()
    while not condition():
        assert time.monotonic() < deadline, what()
        pause.wait(0.01)
