"""The machine's processors and memory, from /proc."""

from __future__ import annotations

import logging
from pathlib import Path

from triton_lite.metrics.family import Family

_log = logging.getLogger(__name__)

_UTILIZATION = Family("nv_cpu_utilization", "CPU utilization rate [0.0 - 1.0]")
_TOTAL = Family("nv_cpu_memory_total_bytes", "CPU total memory (RAM), in bytes")
_USED = Family("nv_cpu_memory_used_bytes", "CPU used memory (RAM), in bytes")

# Fields of the first line of /proc/stat, after its name.
_BUSY = (0, 1, 2, 5, 6, 7)  # user, nice, system, irq, softirq, steal
_IDLE = (3, 4)  # idle, iowait
_KIB = 1024


class CpuMetrics:
    """Measures between one `sample` and the next. Used by one thread at a time."""

    def __init__(self, proc: Path = Path("/proc")) -> None:
        self._proc = proc
        self._before: list[int] = [0] * 8
        self._utilization = 0.0
        self._total = 0
        self._used = 0
        self._complained: set[str] = set()

    def sample(self) -> None:
        """Measure. What cannot be read is 0, and logged once."""
        try:
            self._sample_utilization()
        except (OSError, ValueError, IndexError) as error:
            self._utilization = 0.0
            self._complain("stat", error)
        try:
            self._sample_memory()
        except (OSError, ValueError, LookupError) as error:
            self._total = self._used = 0
            self._complain("meminfo", error)

    def text(self) -> str:
        """Write what was measured last, in Triton's order."""
        values = ((_UTILIZATION, self._utilization), (_TOTAL, self._total), (_USED, self._used))
        return "".join(family.text([({}, value)]) for family, value in values)

    def _sample_utilization(self) -> None:
        with (self._proc / "stat").open() as file:
            name, *fields = file.readline().split()
        if name != "cpu":
            raise ValueError("the first line is not that of all processors")
        now = [int(field) for field in fields[:8]]
        # A counter may run backwards (iowait does).
        spent = [max(0, new - old) for new, old in zip(now, self._before, strict=True)]
        busy, idle = (sum(spent[index] for index in indices) for indices in (_BUSY, _IDLE))
        if busy + idle:  # Else the kernel's clock has not ticked: what was measured before still holds.
            self._utilization = busy / (busy + idle)
            self._before = now

    def _sample_memory(self) -> None:
        values = {}
        with (self._proc / "meminfo").open() as file:
            for line in file:
                name, _, rest = line.partition(":")
                if name in ("MemTotal", "MemAvailable"):
                    values[name] = int(rest.split()[0]) * _KIB
        total, available = values["MemTotal"], values["MemAvailable"]
        if available > total:
            raise ValueError("more memory is available than there is")
        self._total, self._used = total, total - available

    def _complain(self, name: str, error: Exception) -> None:
        if name not in self._complained:
            self._complained.add(name)
            _log.warning("CPU metrics: %s: %s", self._proc / name, error)
