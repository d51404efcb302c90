"""GPUs, as a library in the place of NVIDIA's shows them."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest
from nvml_library import build
from prometheus_client.parser import text_string_to_metric_families

from triton_lite.metrics import nvml
from triton_lite.metrics.gpu import GpuMetrics, find_gpu_metrics, visible


@pytest.fixture
def energy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(nvml.LIBRARY_VARIABLE, str(build(tmp_path)))
    file = tmp_path / "energy"
    file.write_text("5000")
    monkeypatch.setenv("FAKE_NVML_ENERGY", str(file))
    return file


def _values(metrics: GpuMetrics) -> dict[tuple[str, str], float]:
    text = metrics.counter_text() + metrics.gauge_text()
    return {
        (sample.name, sample.labels["gpu_uuid"]): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def test_measures_each_gpu(energy: Path) -> None:
    metrics = find_gpu_metrics({})
    metrics.sample()
    energy.write_text("7500")
    metrics.sample()
    values = _values(metrics)
    first = {name: value for (name, uuid), value in values.items() if uuid == "GPU-1000-fake"}
    assert first == {
        "nv_energy_consumption_total": 2.5,  # The parser calls counters so.
        "nv_gpu_utilization": 0.37,
        "nv_gpu_memory_total_bytes": 80 << 30,
        "nv_gpu_memory_used_bytes": 1 << 30,
        "nv_gpu_power_usage": 61.5,
        "nv_gpu_power_limit": 700,
    }
    assert values["nv_gpu_utilization", "GPU-2000-fake"] == 0
    assert metrics.counter_text().startswith(
        "# HELP nv_energy_consumption GPU energy consumption in joules since the Triton Server started\n"
        '# TYPE nv_energy_consumption counter\nnv_energy_consumption{gpu_uuid="GPU-1000-fake"} 2.5\n'
    )
    energy.write_text("100")  # The driver was loaded anew.
    metrics.sample()
    assert 'nv_energy_consumption{gpu_uuid="GPU-1000-fake"} 2.5\n' in metrics.counter_text()


def test_gives_up_on_what_fails_three_times(energy: Path, caplog: pytest.LogCaptureFixture) -> None:
    metrics = find_gpu_metrics({"CUDA_VISIBLE_DEVICES": "1"})
    for _ in range(5):
        metrics.sample()
    assert [record.getMessage() for record in caplog.records] == [
        "Unable to get power usage for GPU GPU-2000-fake. nvmlDeviceGetPowerUsage: Not Supported"
    ] * 3
    assert _values(metrics)["nv_gpu_power_usage", "GPU-2000-fake"] == 0
    assert _values(metrics)["nv_gpu_power_limit", "GPU-2000-fake"] == 700


def test_there_are_none_without_library_driver_or_permission(
    energy: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    assert find_gpu_metrics({"TRITON_SERVER_CPU_ONLY": "1"}).gauge_text() == ""
    monkeypatch.setenv("FAKE_NVML_BROKEN", "1")
    assert find_gpu_metrics({}).gauge_text() == ""
    assert "NVML, GPU metrics will not be available: nvmlInit_v2: Driver Not Loaded" in caplog.text
    monkeypatch.setenv(nvml.LIBRARY_VARIABLE, str(energy))
    assert find_gpu_metrics({}).gauge_text() == ""


@pytest.mark.parametrize(
    ("chosen", "expected"),
    [
        (None, "abc"),
        ("", ""),
        ("-1", ""),
        ("1", "b"),
        ("2,0", "ca"),
        ("0, 7, 1", "a"),
        ("GPU-c,GPU-a", "ca"),
        ("GPU-", ""),
    ],
)
def test_sees_what_cuda_shows(chosen: str | None, expected: str) -> None:
    devices = [SimpleNamespace(uuid=f"GPU-{letter}") for letter in "abc"]
    assert "".join(device.uuid[-1] for device in visible(devices, chosen)) == expected  # type: ignore[arg-type]
