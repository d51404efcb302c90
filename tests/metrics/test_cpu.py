"""Processors and memory, from files like those of /proc."""

from __future__ import annotations

from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from triton_lite.metrics.cpu import CpuMetrics


def _values(metrics: CpuMetrics) -> dict[str, float]:
    return {
        sample.name: sample.value for each in text_string_to_metric_families(metrics.text()) for sample in each.samples
    }


def _write(proc: Path, stat: str, total: int = 1000, available: int = 400) -> None:
    (proc / "stat").write_text(f"cpu  {stat}\ncpu0 1 2 3\n")
    (proc / "meminfo").write_text(
        f"MemTotal: {total} kB\nMemFree: 1 kB\nMemAvailable: {available} kB\nHugePages_Total: 0\n"
    )


def test_measures_what_happened_since_the_last_time(tmp_path: Path) -> None:
    cpu = CpuMetrics(tmp_path)
    _write(tmp_path, "100 0 0 300 0 0 0 0 0 0")
    cpu.sample()
    assert _values(cpu) == {
        "nv_cpu_utilization": 0.25,
        "nv_cpu_memory_total_bytes": 1024000,
        "nv_cpu_memory_used_bytes": 614400,
    }
    # user, nice, system, irq, softirq and steal are work; idle and iowait are not. iowait runs backwards.
    _write(tmp_path, "101 1 1 302 -1 1 1 1 0 0", available=1000)
    cpu.sample()
    assert _values(cpu)["nv_cpu_utilization"] == 0.75
    assert _values(cpu)["nv_cpu_memory_used_bytes"] == 0
    cpu.sample()  # The kernel's clock did not tick.
    assert _values(cpu)["nv_cpu_utilization"] == 0.75


@pytest.mark.parametrize("stat", ["", "x", "1 2 3"])
def test_what_cannot_be_read_is_zero_and_logged_once(
    tmp_path: Path, stat: str, caplog: pytest.LogCaptureFixture
) -> None:
    _write(tmp_path, stat, total=10, available=20)
    cpu = CpuMetrics(tmp_path)
    cpu.sample()
    cpu.sample()
    assert set(_values(cpu).values()) == {0}
    assert len(caplog.records) == 2


def test_reads_this_machine() -> None:
    cpu = CpuMetrics()
    cpu.sample()
    values = _values(cpu)
    assert 0 <= values["nv_cpu_utilization"] <= 1
    assert 0 < values["nv_cpu_memory_used_bytes"] <= values["nv_cpu_memory_total_bytes"]
