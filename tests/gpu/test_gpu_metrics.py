"""What the metrics say of the GPU and of pinned memory, against what nvidia-smi says."""

from __future__ import annotations

import re
import urllib.request
from typing import Any

import numpy as np
import pytest
from gpu_machine import MEBIBYTE, query, uuid, wait_for
from gpu_models import WIDTH
from gpu_regions import GpuRegion, gpu_region, placed
from server_process import ServerProcess

GIBIBYTE = 1 << 30


def metrics(server: ServerProcess) -> str:
    with urllib.request.urlopen(f"http://127.0.0.1:{server.metrics_port}/metrics", timeout=30) as answer:
        text: str = answer.read().decode()
    return text


def gpu_lines(server: ServerProcess) -> list[str]:
    return [line for line in metrics(server).splitlines() if "gpu_uuid" in line or line.startswith("nv_pinned")]


def of_gpu(server: ServerProcess, name: str) -> float:
    found = re.search(rf'^{name}{{gpu_uuid="{uuid()}"}} (\S+)$', metrics(server), re.M)
    assert found, gpu_lines(server)
    return float(found[1])


def of_pool(server: ServerProcess, name: str) -> float:
    found = re.search(rf"^nv_pinned_memory_pool_{name}_bytes (\S+)$", metrics(server), re.M)
    assert found, gpu_lines(server)
    return float(found[1])


def test_memory(gpu_server: ServerProcess) -> None:
    total = int(of_gpu(gpu_server, "nv_gpu_memory_total_bytes"))
    assert total // MEBIBYTE == int(query("memory.total")[0])
    before = of_gpu(gpu_server, "nv_gpu_memory_used_bytes")
    # What the driver keeps for itself counts in one and not in the other.
    assert abs(before - int(query("memory.used")[0]) * MEBIBYTE) < 2 * GIBIBYTE
    region = GpuRegion(GIBIBYTE)
    try:
        wait_for(
            lambda: of_gpu(gpu_server, "nv_gpu_memory_used_bytes") >= before + GIBIBYTE // 2,
            lambda: gpu_lines(gpu_server),
        )
    finally:
        region.free()
    wait_for(
        lambda: of_gpu(gpu_server, "nv_gpu_memory_used_bytes") < before + GIBIBYTE // 2, lambda: gpu_lines(gpu_server)
    )


def test_power_and_utilization(gpu_server: ServerProcess) -> None:
    assert 0 <= of_gpu(gpu_server, "nv_gpu_utilization") <= 1
    limit, usage = query("power.limit", "power.draw")
    for name, found in (("nv_gpu_power_limit", limit), ("nv_gpu_power_usage", usage)):
        try:
            expected = float(found)
        except ValueError:  # "[N/A]"
            expected = 0
        assert (of_gpu(gpu_server, name) > 0) == (expected > 0)
    if re.fullmatch(r"[\d.]+", limit):
        assert of_gpu(gpu_server, "nv_gpu_power_limit") == pytest.approx(float(limit), abs=1)


def test_energy_grows(gpu_server: ServerProcess) -> None:
    if not re.fullmatch(r"[\d.]+", query("power.draw")[0]):
        pytest.skip("this GPU does not tell its power")
    before = of_gpu(gpu_server, "nv_energy_consumption")
    wait_for(lambda: of_gpu(gpu_server, "nv_energy_consumption") > before, lambda: gpu_lines(gpu_server))


def test_pinned_memory(gpu_server: ServerProcess, client: Any, library: Any) -> None:
    """Copies for a model on the CPU go through the pool, and give back what they take."""
    assert of_pool(gpu_server, "total") == 256 * MEBIBYTE
    with gpu_region(client, 4096) as region:
        region.write(np.ones(2 * WIDTH, np.float32))
        inputs = [placed(library, f"INPUT{i}", [1, WIDTH], region, 4 * WIDTH, i * 4 * WIDTH) for i in range(2)]
        for _ in range(20):
            client.infer("add_sub_cpu", inputs)
    wait_for(lambda: of_pool(gpu_server, "used") == 0, lambda: gpu_lines(gpu_server))
