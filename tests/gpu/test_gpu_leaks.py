"""Nothing is left of regions that are gone: memory of the GPU, descriptors, mappings."""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import gpu_regions
import numpy as np
import tritonclient.grpc as grpcclient
import tritonclient.http as httpclient
from gpu_machine import MEBIBYTE, used_memory, wait_for
from gpu_models import WIDTH
from gpu_regions import gpu_region, output_in, placed
from server_process import ServerProcess

SIZE = 4 * WIDTH
REGION = 4 * MEBIBYTE
FIRST_ROUNDS, ROUNDS = 20, 200
MODELS = ("add_sub", "add_sub_cpu", "identity_fp32")


def memory_map(pid: int) -> str:
    """What the process has mapped; nothing of one that has ended."""
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/maps").read_text()
    return ""


def engine_of(server: ServerProcess) -> int:
    """The process of the server that uses the GPU."""
    parents: dict[int, int] = {}
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            try:
                stat = Path(f"/proc/{entry}/stat").read_text()
            except OSError:
                continue
            parents[int(entry)] = int(stat.rpartition(")")[2].split()[1])
    mine = [server.process.pid]
    for pid in mine:
        mine += [child for child, parent in parents.items() if parent == pid]
    using = [pid for pid in mine if "/libcuda.so" in memory_map(pid)]
    assert len(using) == 1, using
    return using[0]


def descriptors(pid: int) -> int:
    return len(os.listdir(f"/proc/{pid}/fd"))


def mappings(pid: int) -> int:
    """Lines of its memory map that belong to the driver."""
    return len(re.findall(r"nvidia|dmabuf", memory_map(pid)))


def one_round(client: Any, library: Any, model: str) -> None:
    values = np.arange(2 * WIDTH, dtype=np.float32)
    with gpu_region(client, REGION) as source, gpu_region(client, REGION) as target:
        source.write(values)
        if model == "identity_fp32":
            inputs = [placed(library, "X", [2 * WIDTH], source, 2 * SIZE)]
            client.infer(model, inputs, outputs=[output_in(library, "Y", target, 2 * SIZE)])
            return
        inputs = [placed(library, f"INPUT{i}", [1, WIDTH], source, SIZE, i * SIZE) for i in range(2)]
        client.infer(
            model, inputs, outputs=[output_in(library, f"OUTPUT{i}", target, SIZE, i * SIZE) for i in range(2)]
        )


def test_many_rounds(gpu_server: ServerProcess) -> None:
    with (
        gpu_regions.connect(gpu_server, grpcclient) as over_grpc,
        gpu_regions.connect(gpu_server, httpclient) as over_http,
    ):

        def rounds(count: int) -> None:
            for i in range(count):
                client, library = ((over_grpc, grpcclient), (over_http, httpclient))[i % 2]
                one_round(client, library, MODELS[i % len(MODELS)])

        rounds(FIRST_ROUNDS)
        engine = engine_of(gpu_server)
        measures: dict[str, tuple[Callable[[], int], int]] = {
            "memory of the GPU": (used_memory, 64 * MEBIBYTE),
            "descriptors": (lambda: descriptors(engine), 16),
            "mappings": (lambda: mappings(engine), 32),
        }
        before = {name: measure() for name, (measure, _) in measures.items()}
        rounds(ROUNDS)
        for name, (measure, spare) in measures.items():
            wait_for(
                lambda measure=measure, name=name, spare=spare: measure() <= before[name] + spare,  # type: ignore[misc]
                lambda measure=measure, name=name: (name, before[name], measure()),  # type: ignore[misc]
            )
        assert over_grpc.get_cuda_shared_memory_status(as_json=True) == {}
