"""What models did between two looks at their statistics."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

Key = tuple[str, str]  # Name and version.


@dataclass(frozen=True)
class Counts:
    """What the statistics extension counts of one version of a model. Times in nanoseconds."""

    requests: int = 0
    failures: int = 0
    queued: int = 0
    queue_time: int = 0
    computed: int = 0
    compute_time: int = 0
    inferences: int = 0
    executions: int = 0
    cache_hits: int = 0

    @classmethod
    def of(cls, statistics: Mapping[str, Any]) -> Counts:
        """Take them from one element of `model_stats`; what a server does not tell is 0."""
        inference = statistics.get("inference_stats", {})

        def of(name: str, field: str) -> int:
            return int(inference.get(name, {}).get(field, 0))

        failures = of("fail", "count")
        stages = ("compute_input", "compute_infer", "compute_output")
        return cls(
            requests=of("success", "count") + failures,
            failures=failures,
            queued=of("queue", "count"),
            queue_time=of("queue", "ns"),
            computed=of("compute_infer", "count"),
            compute_time=sum(of(stage, "ns") for stage in stages),
            inferences=int(statistics.get("inference_count", 0)),
            executions=int(statistics.get("execution_count", 0)),
            cache_hits=of("cache_hit", "count"),
        )

    def since(self, before: Counts) -> Counts:
        """Subtract what was counted before, unless the model was loaded anew since then: its counts began at 0."""
        then, now = asdict(before), asdict(self)
        if any(now[name] < then[name] for name in now):
            return self
        return Counts(**{name: now[name] - then[name] for name in now})


@dataclass(frozen=True)
class Look:
    """What the server said at one time: seconds of a steady clock, states and counts of its models."""

    time: float
    states: Mapping[Key, str]
    counts: Mapping[Key, Counts]

    @classmethod
    def of(cls, time: float, index: Iterable[Mapping[str, Any]], statistics: Iterable[Mapping[str, Any]]) -> Look:
        """Put together the answers to repository index and statistics."""
        counts = {(str(one["name"]), str(one["version"])): Counts.of(one) for one in statistics}
        states = dict.fromkeys(counts, "READY")
        states |= {(str(one["name"]), str(one.get("version") or "")): str(one.get("state") or "") for one in index}
        return cls(time, states, counts)


@dataclass(frozen=True)
class Row:
    """One version of a model in an interval. Rates are per second, latencies milliseconds; None: nothing happened."""

    name: str
    version: str
    state: str
    requests_per_second: float
    failures_per_second: float
    queue_ms: float | None
    compute_ms: float | None
    batch_size: float | None
    cache_hits_per_second: float
    requests: int
    failures: int


def rows(before: Look, now: Look) -> list[Row]:
    """Say what each model did between two looks, the busiest first."""
    seconds = max(now.time - before.time, 1e-9)
    result = []
    for key, state in now.states.items():
        total = now.counts.get(key, Counts())
        done = total.since(before.counts.get(key, Counts()))
        result.append(
            Row(
                *key,
                state=state,
                requests_per_second=done.requests / seconds,
                failures_per_second=done.failures / seconds,
                queue_ms=_milliseconds(done.queue_time, done.queued),
                compute_ms=_milliseconds(done.compute_time, done.computed),
                batch_size=done.inferences / done.executions if done.executions else None,
                cache_hits_per_second=done.cache_hits / seconds,
                requests=total.requests,
                failures=total.failures,
            )
        )
    return sorted(result, key=lambda row: (-row.requests_per_second, row.name, _number(row.version)))


def _milliseconds(nanoseconds: int, count: int) -> float | None:
    return nanoseconds / count / 1e6 if count else None


def _number(version: str) -> int:
    return int(version) if version.isdecimal() else -1
