"""The GPUs that this process may use."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from triton_lite.environment import CPU_ONLY_VARIABLE
from triton_lite.metrics.family import Family
from triton_lite.metrics.nvml import Device, Nvml, NvmlError

_log = logging.getLogger(__name__)

_UTILIZATION = Family("nv_gpu_utilization", "GPU utilization rate [0.0 - 1.0)")
_MEMORY_TOTAL = Family("nv_gpu_memory_total_bytes", "GPU total memory, in bytes")
_MEMORY_USED = Family("nv_gpu_memory_used_bytes", "GPU used memory, in bytes")
_POWER_USAGE = Family("nv_gpu_power_usage", "GPU power usage in watts")
_POWER_LIMIT = Family("nv_gpu_power_limit", "GPU power management limit in watts")
_ENERGY = Family("nv_energy_consumption", "GPU energy consumption in joules since the Triton Server started", "counter")
_GAUGES = (_UTILIZATION, _MEMORY_TOTAL, _MEMORY_USED, _POWER_USAGE, _POWER_LIMIT)

_FAILURES = 3  # In a row, after which a device is not asked for that any more.
Value = TypeVar("Value")


@dataclass
class _Gpu:
    device: Device
    values: dict[str, float] = field(default_factory=dict)  # By name of the family.
    failures: dict[str, int] = field(default_factory=dict)
    last_energy: float | None = None


class GpuMetrics:
    """Measures with every `sample`. Used by one thread at a time."""

    def __init__(self, devices: Sequence[Device] = ()) -> None:
        self._gpus = [
            _Gpu(device, dict.fromkeys((family.name for family in (*_GAUGES, _ENERGY)), 0)) for device in devices
        ]
        for number, device in enumerate(devices):
            _log.info("Collecting metrics for GPU %d: %s", number, device.name)

    def sample(self) -> None:
        """Measure. What a GPU does not tell is 0; after three failures in a row it is not asked again."""
        for gpu in self._gpus:
            device = gpu.device
            self._gauge(gpu, "power limit", device.power_limit, _POWER_LIMIT)
            self._gauge(gpu, "power usage", device.power_usage, _POWER_USAGE)
            self._gauge(gpu, "utilization", device.utilization, _UTILIZATION)
            memory = self._ask(gpu, "memory usage", device.memory)
            gpu.values[_MEMORY_TOTAL.name], gpu.values[_MEMORY_USED.name] = memory or (0, 0)
            energy = self._ask(gpu, "energy consumption", device.energy)
            if energy is not None:
                # A driver that was loaded anew counts from 0 again.
                gpu.values[_ENERGY.name] += max(0.0, energy - (energy if gpu.last_energy is None else gpu.last_energy))
                gpu.last_energy = energy

    def counter_text(self) -> str:
        """Write the counter of energy."""
        return self._text(_ENERGY)

    def gauge_text(self) -> str:
        """Write the gauges."""
        return "".join(self._text(family) for family in _GAUGES)

    def _text(self, family: Family) -> str:
        return family.text(({"gpu_uuid": gpu.device.uuid}, gpu.values[family.name]) for gpu in self._gpus)

    def _gauge(self, gpu: _Gpu, what: str, ask: Callable[[], float], family: Family) -> None:
        gpu.values[family.name] = self._ask(gpu, what, ask) or 0.0

    def _ask(self, gpu: _Gpu, what: str, ask: Callable[[], Value]) -> Value | None:
        if gpu.failures.get(what, 0) >= _FAILURES:
            return None
        try:
            value = ask()
        except NvmlError as error:
            gpu.failures[what] = gpu.failures.get(what, 0) + 1
            _log.warning("Unable to get %s for GPU %s. %s", what, gpu.device.uuid, error)
            return None
        gpu.failures[what] = 0
        return value


def find_gpu_metrics(environment: Mapping[str, str] = os.environ) -> GpuMetrics:
    """Find the GPUs that CUDA would show this process; none where there is no driver, or the server is CPU-only."""
    if CPU_ONLY_VARIABLE in environment:
        return GpuMetrics()
    try:
        devices = Nvml().devices()
    except OSError:
        return GpuMetrics()
    except NvmlError as error:
        _log.warning("error initializing NVML, GPU metrics will not be available: %s", error)
        return GpuMetrics()
    return GpuMetrics(visible(devices, environment.get("CUDA_VISIBLE_DEVICES")))


def visible(devices: Sequence[Device], chosen: str | None) -> list[Device]:
    """Pick the devices of CUDA_VISIBLE_DEVICES: numbers or the beginnings of UUIDs; the first that is none ends it."""
    if chosen is None:
        return list(devices)
    picked: list[Device] = []
    for part in (part.strip() for part in chosen.split(",")):
        if part.isdecimal():
            found = list(devices[int(part) : int(part) + 1])
        else:
            found = [device for device in devices if part and device.uuid.startswith(part)]
        if len(found) != 1:
            break
        picked += found
    return picked
