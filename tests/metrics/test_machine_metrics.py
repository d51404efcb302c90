"""What is measured at intervals."""

from __future__ import annotations

import threading

from triton_lite.metrics.machine import MachineMetrics, pinned_memory_text


class Meter:
    """Counts how often it is asked."""

    def __init__(self) -> None:
        self.samples = 0

    def sample(self) -> None:
        self.samples += 1

    def text(self) -> str:
        return f"cpu {self.samples}\n"

    def gauge_text(self) -> str:
        return f"gpu {self.samples}\n"

    def counter_text(self) -> str:
        return "energy\n"


def test_measures_twice_an_interval_and_ends_intervals() -> None:
    meter, ended, enough = Meter(), [], threading.Event()

    def end(seconds: float) -> None:
        ended.append((seconds, meter.samples))
        if len(ended) == 3:
            enough.set()

    machine = MachineMetrics(0.02, meter, None, end)  # type: ignore[arg-type]
    machine.start()
    assert meter.samples >= 1
    assert enough.wait(30)
    machine.stop()
    assert ended[:3] == [(0.02, 3), (0.02, 5), (0.02, 7)]
    assert not any(thread.name == "machine-metrics" for thread in threading.enumerate())


def test_gpus_come_before_the_cpu() -> None:
    machine = MachineMetrics(1, Meter(), Meter(), lambda _: None)  # type: ignore[arg-type]
    assert machine.text().counters == "energy\n"
    assert machine.text().gauges == "gpu 0\ncpu 0\n"
    assert MachineMetrics(1, None, None, lambda _: None).text().gauges == ""


def test_the_pinned_memory_pool_is_as_large_as_asked_for() -> None:
    assert "\nnv_pinned_memory_pool_total_bytes 1024\n" in pinned_memory_text(1024, 0)
    assert pinned_memory_text(0, 7).endswith("\nnv_pinned_memory_pool_used_bytes 7\n")
