"""What was counted of the models (protocol: statistics extension)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from triton_lite.engine.handlers.handler import Context, of_messages
from triton_lite.engine.handlers.version import parse_version
from triton_lite.errors import Code, TritonError
from triton_lite.proto import MethodNumber, messages

_STAGES = ("compute_input", "compute_infer", "compute_output")
# A stage is gone through by every request that did not get its answer from the cache.
_INFERENCE = {
    "success": "success",
    "fail": "failure",
    "queue": "queue",
    "cache_hit": "cache_hit",
    "cache_miss": "cache_miss",
} | {stage: stage for stage in _STAGES}


def model_statistics(context: Context, request: messages.ModelStatisticsRequest) -> messages.ModelStatisticsResponse:
    """Show the counters of one version, of all ready versions of a model, or of all that is ready.

    Raises TritonError(INVALID_ARGUMENT) for what is not served.
    """
    response = messages.ModelStatisticsResponse()
    for name, key, version in _asked(context, request.name, parse_version(request.version)):
        try:
            counted = context.engine.statistics(key, version)
        except TritonError:
            continue  # It was unloaded since.
        _fill(response.model_stats.add(name=name, version=str(version)), counted)
    return response


def _asked(context: Context, name: str, version: int) -> Iterator[tuple[str, str, int]]:
    """Yield name, key and version of what a request means."""
    table = context.lifecycle.table
    if not name:
        for key in table.states():
            shown = key.rpartition("::")[2] if context.options.model_namespacing else key
            yield from ((shown, key, number) for number in table.ready_versions(key))
        return
    key = context.lifecycle.key_of(name)
    ready = table.ready_versions(key)
    if not ready:
        raise TritonError(Code.INVALID_ARGUMENT, f"requested model '{name}' is not available")
    if version != -1 and version not in ready:
        raise TritonError(Code.INVALID_ARGUMENT, f"requested model version is not available for model '{name}'")
    yield from ((name, key, number) for number in (ready if version == -1 else [version]))


def _fill(shown: Any, counted: Any) -> None:
    shown.last_inference = counted.last_inference_milliseconds
    shown.inference_count = counted.inference_count
    shown.execution_count = counted.execution_count
    for field, attribute in _INFERENCE.items():
        _set(getattr(shown.inference_stats, field), getattr(counted, attribute))
    for batch_size, durations in counted.by_batch_size.items():
        batch = shown.batch_stats.add(batch_size=batch_size)
        for stage in _STAGES:
            _set(getattr(batch, stage), getattr(durations, stage))


def _set(duration: Any, counted: Any) -> None:
    # Assigned also when 0: the message is there, as Triton shows it.
    duration.SetInParent()
    duration.count, duration.ns = counted.count, counted.nanoseconds


HANDLERS = {MethodNumber.MODEL_STATISTICS: of_messages("ModelStatistics", model_statistics)}
