"""The metrics of the machine: measured at intervals, on a thread that is there once somebody asks for metrics."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass

from triton_lite.metrics.cpu import CpuMetrics
from triton_lite.metrics.family import Family
from triton_lite.metrics.gpu import GpuMetrics

_PINNED_TOTAL = Family("nv_pinned_memory_pool_total_bytes", "Pinned memory pool total memory size, in bytes")
_PINNED_USED = Family("nv_pinned_memory_pool_used_bytes", "Pinned memory pool used memory size, in bytes")
# The kernel's clock ticks no faster.
_SHORTEST_SECONDS = 0.01


def pinned_memory_text(byte_size: int, in_use: int) -> str:
    """Write the gauges of the pinned memory pool: what it may take, and what copies use now."""
    return _PINNED_TOTAL.text([({}, byte_size)]) + _PINNED_USED.text([({}, in_use)])


@dataclass(frozen=True)
class MachineText:
    """Counters and gauges of the machine, in Triton's order."""

    counters: str
    gauges: str


class MachineMetrics:
    """Processors, memory and GPUs. Thread-safe.

    interval_seconds: of --metrics-interval-ms; the machine is measured twice as often, as in Triton.
    end_interval: called once every interval, with its length in seconds.
    """

    def __init__(
        self,
        interval_seconds: float,
        cpu: CpuMetrics | None,
        gpu: GpuMetrics | None,
        end_interval: Callable[[float], None],
    ) -> None:
        self._step = max(interval_seconds / 2, _SHORTEST_SECONDS)
        self._cpu = cpu
        self._gpu = gpu
        self._end_interval = end_interval
        self._lock = threading.Lock()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="machine-metrics", daemon=True)

    def start(self) -> None:
        """Measure now, and then at intervals until `stop`."""
        self.sample()
        self._thread.start()

    def stop(self) -> None:
        """End the thread."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join()

    def sample(self) -> None:
        """Measure now."""
        with self._lock:
            for each in (self._cpu, self._gpu):
                if each is not None:
                    each.sample()

    def text(self) -> MachineText:
        """Write what was measured last."""
        with self._lock:
            counters = self._gpu.counter_text() if self._gpu else ""
            gauges = (self._gpu.gauge_text() if self._gpu else "") + (self._cpu.text() if self._cpu else "")
        return MachineText(counters, gauges)

    def _run(self) -> None:
        half = False
        while not self._stopping.wait(self._step):
            self.sample()
            if half:
                self._end_interval(2 * self._step)
            half = not half
