"""The metrics of one model process: what its objects stand for, by the numbers that it gave them."""

from __future__ import annotations

from typing import Any

from triton_lite.engine.model_processes.control import Message
from triton_lite.engine.model_processes.custom_metrics import CustomMetrics, MetricFamily, Sample
from triton_lite.errors import Code, TritonError


class ProcessMetrics:
    """Carries out the calls of one process. Its metrics go when its objects go, at the latest with the process."""

    def __init__(self, metrics: CustomMetrics) -> None:
        self._metrics = metrics
        self._families: dict[int, MetricFamily] = {}
        self._samples: dict[int, tuple[int, Sample]] = {}

    def call(self, method: str, message: Message) -> Any:
        """Carry out one call. Raises TritonError with Triton's text."""
        match method:
            case "metric_family":
                number = message["family"]
                if number in self._families:
                    raise _unknown(method)
                self._families[number] = self._metrics.add_family(
                    message["name"], message["description"], message["kind"]
                )
            case "metric_family_drop":
                self._drop_family(message["family"])
            case "metric":
                self._add(message)
            case "metric_drop":
                self._drop(message["metric"])
            case "metric_add":
                self._metrics.add(*self._of(message, "increment"), float(message["value"]))
            case "metric_set":
                self._metrics.set(*self._of(message, "set"), float(message["value"]))
            case "metric_observe":
                self._metrics.observe(*self._of(message, "set"), float(message["value"]))
            case "metric_value":
                return self._metrics.value(*self._of(message, "get"))
            case _:
                raise _unknown(method)
        return None

    def close(self) -> None:
        """Let all of them go. Idempotent."""
        for number in list(self._samples):
            self._drop(number)
        for number in list(self._families):
            self._drop_family(number)

    def _add(self, message: Message) -> None:
        family = self._families.get(message["family"])
        if family is None or message["metric"] in self._samples:
            raise _unknown("metric")
        sample = self._metrics.add_sample(family, message.get("labels") or {}, message.get("buckets"))
        self._samples[message["metric"]] = (message["family"], sample)

    def _of(self, message: Message, what: str) -> tuple[MetricFamily, Sample]:
        number, sample = self._samples.get(message["metric"], (None, None))
        if number is None or sample is None:
            # Its family went before it.
            raise TritonError(Code.INTERNAL, f"Could not {what} metric value. Metric has been invalidated.")
        return self._families[number], sample

    def _drop(self, number: int) -> None:
        family, sample = self._samples.pop(number, (None, None))
        if family is not None and sample is not None:
            self._metrics.drop_sample(self._families[family], sample)

    def _drop_family(self, number: int) -> None:
        if number not in self._families:
            return
        for metric, (family, _) in list(self._samples.items()):
            if family == number:
                self._drop(metric)
        self._metrics.drop_family(self._families.pop(number))


def _unknown(method: str) -> TritonError:
    return TritonError(Code.INTERNAL, f"Unknown metric request: {method}")
