"""Metrics of a model's own, in the server's exposition."""

from __future__ import annotations

import itertools
import sys
import weakref
from typing import Any

from .bridge import control, find_control
from .context import find_instance
from .deferred import prepare
from .enums import CompiledEnum
from .errors import TritonModelException

_numbers = itertools.count(1)
_CLEARED = (
    "Invalid metric operation as the corresponding 'MetricFamily' has been deleted. The 'MetricFamily' object should "
    "be deleted AFTER its corresponding 'Metric' objects have been deleted."
)


class MetricKind(CompiledEnum):
    """What a family counts."""

    COUNTER = 0
    GAUGE = 1
    HISTOGRAM = 2


class Metric:
    """One metric of a family, with its labels."""

    __module__ = "c_python_backend_utils"

    def __init__(self, family: int, labels: dict[str, str], buckets: list[float] | None) -> None:
        self._cleared = True
        self._number = next(_numbers)
        _call(
            "Error when creating Metric: ", "metric", family=family, metric=self._number, labels=labels, buckets=buckets
        )
        self._cleared = False

    def increment(self, value: float) -> None:
        """Add to a counter or a gauge."""
        self._operate("increment", "metric_add", value)

    def set(self, value: float) -> None:
        """Set a gauge."""
        self._operate("set", "metric_set", value)

    def observe(self, value: float) -> None:
        """Count a value in a histogram."""
        self._operate("observe", "metric_observe", value)

    def value(self) -> float:
        """Return the value of a counter or a gauge."""
        prefix = "Failed to get metric value: "
        self._check(prefix)
        return float(_call(prefix, "metric_value", metric=self._number))

    def _operate(self, function: str, method: str, value: float) -> None:
        if isinstance(value, (str, bytes)) or not hasattr(value, "__float__"):
            raise TypeError(
                f"{function}(): incompatible function arguments. The following argument types are supported:\n"
                "    1. (self: c_python_backend_utils.Metric, arg0: float) -> None\n\n"
                f"Invoked with: {self!r}, {value!r}"
            )
        prefix = f"Failed to {function} metric value: "
        self._check(prefix)
        _call(prefix, method, metric=self._number, value=float(value))

    def _check(self, prefix: str) -> None:
        if self._cleared:
            raise TritonModelException(prefix + _CLEARED)

    def _clear(self) -> None:
        if not self._cleared:
            self._cleared = True
            _tell("metric_drop", metric=self._number)

    def __del__(self) -> None:
        self._clear()


class MetricFamily:
    """A family of metrics: name, description, kind."""

    __module__ = "c_python_backend_utils"

    COUNTER = MetricKind.COUNTER
    GAUGE = MetricKind.GAUGE
    HISTOGRAM = MetricKind.HISTOGRAM

    def __init__(self, name: str, description: str, kind: MetricKind) -> None:
        prepare()
        self._open = False
        self._metrics: list[weakref.ref[Metric]] = []
        if not isinstance(name, str) or not isinstance(description, str) or not isinstance(kind, MetricKind):
            raise TypeError(
                "__init__(): incompatible constructor arguments. The following argument types are supported:\n"
                "    1. c_python_backend_utils.MetricFamily(name: str, description: str, kind: "
                "c_python_backend_utils.MetricKind)\n\n"
                f"Invoked with: kwargs: name={name!r}, description={description!r}, kind={kind!r}"
            )
        self._kind = kind
        self._number = next(_numbers)
        _call(
            "Error when creating MetricFamily: ",
            "metric_family",
            family=self._number,
            name=name,
            description=description,
            kind=kind.name.lower(),
        )
        self._open = True

    def Metric(self, labels: Any = None, buckets: Any = None) -> Metric:
        """Return the metric of these labels; a histogram needs the upper bounds of its buckets."""
        if labels is not None and not isinstance(labels, dict):
            raise TritonModelException("Failed to create metric. Labels must be a dictionary.")
        if buckets is not None:
            if not isinstance(buckets, list):
                raise TritonModelException("Failed to create metric. Buckets must be a list.")
            if self._kind is not MetricKind.HISTOGRAM:
                raise TritonModelException("Failed to create metric. Unexpected buckets found.")
            buckets = [float(bound) for bound in buckets]
        elif self._kind is MetricKind.HISTOGRAM:
            raise TritonModelException("Failed to create metric. Missing required buckets.")
        labels = labels or {}
        if not all(isinstance(key, str) and isinstance(value, str) for key, value in labels.items()):
            instance = find_instance()
            raise TritonModelException(
                "Error when creating Metric: Failed to process the request for model "
                f"'{instance.name if instance else ''}', message: attempt to access JSON non-string as string"
            )
        metric = Metric(self._number, labels, buckets)
        self._metrics = [known for known in self._metrics if known() is not None]
        self._metrics.append(weakref.ref(metric))
        return metric

    def __del__(self) -> None:
        if not self._open:
            return
        for known in self._metrics:
            metric = known()
            if metric is not None:
                metric._clear()
        _tell("metric_family_drop", family=self._number)


def _call(prefix: str, method: str, **fields: Any) -> Any:
    try:
        return control().call(method, **fields)
    except TritonModelException as error:
        raise TritonModelException(prefix + str(error)) from None


def _tell(method: str, **fields: Any) -> None:
    connection = find_control()
    if connection is not None and not sys.is_finalizing():
        connection.tell(method, **fields)
