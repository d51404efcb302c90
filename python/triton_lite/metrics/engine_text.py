"""All metrics of one engine, as Prometheus reads them."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from triton_lite.engine.options import EngineOptions
    from triton_lite.metrics.machine import MachineMetrics


class MetricsSource(Protocol):
    """What is needed of `_native.Engine`."""

    @property
    def pinned_memory_in_use(self) -> int: ...  # noqa: D102
    def metrics_text(self) -> Any: ...  # noqa: D102
    def end_metrics_interval(self, seconds: float) -> None: ...  # noqa: D102


class EngineMetrics:
    """Begins to measure the machine when it is asked for the first time. Thread-safe."""

    def __init__(self, engine: MetricsSource, options: EngineOptions, custom: Callable[[], str] = str) -> None:
        """custom: writes the metrics that models make."""
        self._custom = custom
        self._engine = engine
        self._options = options
        self._lock = threading.Lock()
        self._machine: MachineMetrics | None = None

    def text(self) -> bytes:
        """Write all metrics: counters, gauges, histograms, summaries, as Triton orders them; then models' own."""
        from triton_lite.metrics.machine import pinned_memory_text

        machine = self._measured().text()
        models = self._engine.metrics_text()
        parts = (
            models.counters,
            machine.counters.encode(),
            models.gauges,
            pinned_memory_text(self._options.pinned_memory_pool_byte_size, self._engine.pinned_memory_in_use).encode(),
            machine.gauges.encode(),
            models.cache,
            models.distributions,
            self._custom().encode(),
        )
        return b"".join(parts)

    def stop(self) -> None:
        """Measure no more."""
        with self._lock:
            machine = self._machine
        if machine is not None:
            machine.stop()

    def _measured(self) -> MachineMetrics:
        with self._lock:
            if self._machine is None:
                self._machine = self._begin()
            return self._machine

    def _begin(self) -> MachineMetrics:
        from triton_lite.metrics.cpu import CpuMetrics
        from triton_lite.metrics.gpu import find_gpu_metrics
        from triton_lite.metrics.machine import MachineMetrics

        options = self._options
        machine = MachineMetrics(
            options.metrics_interval_ms / 1000,
            CpuMetrics() if options.allow_cpu_metrics else None,
            find_gpu_metrics() if options.allow_gpu_metrics else None,
            self._engine.end_metrics_interval,
        )
        self._engine.end_metrics_interval(0.0)  # What was before nobody asked for.
        machine.start()
        return machine
