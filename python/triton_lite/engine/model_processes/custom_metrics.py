"""Metrics that models make (`pb_utils.MetricFamily`): families by name, shared by all processes that name them."""

from __future__ import annotations

import bisect
import itertools
import math
import re
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from triton_lite.errors import Code, TritonError
from triton_lite.metrics.family import Family

_METRIC_NAME = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*")
_LABEL_NAME = re.compile(r"(?!__)[a-zA-Z_][a-zA-Z0-9_]*")
# Families of the server's own: a page must not have two of one name.
_OURS = re.compile(r"(nv_(inference|cache|cpu|gpu|pinned_memory|energy|model)_|triton_lite_)")
_KINDS = ("counter", "gauge", "histogram")

_Labels = tuple[tuple[str, str], ...]


@dataclass
class Sample:
    """One metric: a value, or for a histogram how many observations fell into each bucket, and their sum.

    users: the objects in model processes that stand for it.
    """

    labels: dict[str, str]
    bounds: tuple[float, ...] = ()
    value: float = 0.0
    counts: list[int] = field(default_factory=list)
    users: int = 0


class MetricFamily:
    """A family of metrics. users: the objects in model processes that stand for it."""

    def __init__(self, name: str, description: str, kind: str) -> None:
        self.shown = Family(name, description.replace("\\", "\\\\").replace("\n", "\\n"), kind)
        self.kind = kind
        self.samples: dict[_Labels, Sample] = {}
        self.users = 0

    def text(self) -> str:
        """Write the family; nothing where it has no metrics."""
        samples = self.samples.values()
        if self.kind != "histogram":
            return self.shown.text((one.labels, one.value) for one in samples)
        return self.shown.text_of_histograms((one.labels, one.bounds, one.counts, one.value) for one in samples)


class CustomMetrics:
    """All metrics of models. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._families: dict[str, MetricFamily] = {}

    def text(self) -> str:
        """Write them as Prometheus reads them."""
        with self._lock:
            return "".join(family.text() for family in self._families.values())

    def add_family(self, name: str, description: str, kind: str) -> MetricFamily:
        """Return the family of a name, made if there is none. The first description counts. Raises TritonError."""
        if kind not in _KINDS:
            raise _invalid("Unsupported kind passed to MetricFamily constructor.")
        if not _METRIC_NAME.fullmatch(name):
            raise _invalid("Invalid metric name")
        if _OURS.match(name):
            raise _invalid("Family name already exists with different type")
        with self._lock:
            family = self._families.get(name)
            if family is None:
                family = self._families[name] = MetricFamily(name, description, kind)
            elif family.kind != kind:
                raise _invalid("Family name already exists with different type")
            family.users += 1
            return family

    def drop_family(self, family: MetricFamily) -> None:
        """Count one user of a family less; it goes with the last one."""
        with self._lock:
            family.users -= 1
            if not family.users:
                del self._families[family.shown.name]

    def add_sample(self, family: MetricFamily, labels: Mapping[str, object], buckets: Sequence[float] | None) -> Sample:
        """Return the metric of these labels, made if there is none. The first buckets count. Raises TritonError."""
        texts: dict[str, str] = {}
        for name, value in sorted(labels.items()):
            if not isinstance(value, str):
                raise TritonError(Code.INVALID_ARGUMENT, "attempt to access JSON non-string as string")
            if not _LABEL_NAME.fullmatch(name):
                raise _invalid("Invalid label name")
            texts[name] = value
        bounds: tuple[float, ...] = ()
        if family.kind == "histogram":
            if buckets is None:
                raise _invalid("Bucket boundaries not found in Metric args.")
            bounds = tuple(float(bound) for bound in buckets)
            if not all(low < high for low, high in itertools.pairwise(bounds)) or any(map(math.isnan, bounds)):
                raise _invalid("Bucket Boundaries must be strictly sorted")
        elif buckets is not None:
            raise _invalid(f"Unexpected args found in {family.kind} Metric constructor.")
        with self._lock:
            key = tuple(texts.items())
            sample = family.samples.get(key)
            if sample is None:
                sample = family.samples[key] = Sample(texts, bounds, counts=[0] * (len(bounds) + 1))
            sample.users += 1
            return sample

    def drop_sample(self, family: MetricFamily, sample: Sample) -> None:
        """Count one user of a metric less; it goes with the last one."""
        with self._lock:
            sample.users -= 1
            if not sample.users:
                del family.samples[tuple(sample.labels.items())]

    def add(self, family: MetricFamily, sample: Sample, value: float) -> None:
        """Add to a counter or a gauge. Raises TritonError."""
        if family.kind == "histogram":
            raise _unsupported(family, "Increment")
        if family.kind == "counter" and value < 0:
            raise _invalid(
                "TRITONSERVER_METRIC_KIND_COUNTER can only be incremented monotonically by non-negative values."
            )
        with self._lock:
            sample.value += value

    def set(self, family: MetricFamily, sample: Sample, value: float) -> None:
        """Set a gauge. Raises TritonError."""
        if family.kind != "gauge":
            raise _unsupported(family, "Set")
        with self._lock:
            sample.value = value

    def observe(self, family: MetricFamily, sample: Sample, value: float) -> None:
        """Count an observation of a histogram. Raises TritonError."""
        if family.kind != "histogram":
            raise _unsupported(family, "Observe")
        with self._lock:
            sample.counts[bisect.bisect_left(sample.bounds, value)] += 1
            sample.value += value

    def value(self, family: MetricFamily, sample: Sample) -> float:
        """Return the value of a counter or a gauge. Raises TritonError."""
        if family.kind == "histogram":
            raise _unsupported(family, "Value")
        with self._lock:
            return sample.value


def _invalid(text: str) -> TritonError:
    return TritonError(Code.INVALID_ARGUMENT, text)


def _unsupported(family: MetricFamily, what: str) -> TritonError:
    return TritonError(Code.UNIMPLEMENTED, f"TRITONSERVER_METRIC_KIND_{family.kind.upper()} does not support {what}")
