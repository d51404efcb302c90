"""Statistics of models (protocol: statistics extension)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from triton_lite.frontends.http.control.exchange import Exchange, exchange
from triton_lite.proto import messages

_INFERENCE = (
    "success",
    "fail",
    "queue",
    "compute_input",
    "compute_infer",
    "compute_output",
    "cache_hit",
    "cache_miss",
)
_RESPONSE = ("compute_infer", "compute_output", "success", "fail", "empty_response", "cancel")
_BATCH = ("compute_input", "compute_infer", "compute_output")


def statistics(body: bytes | None, model: str = "", version: str = "") -> Exchange:
    """GET /v2/models/stats and /v2/models/MODEL/stats. Durations in nanoseconds."""
    return exchange(
        "ModelStatistics",
        messages.ModelStatisticsRequest(name=model, version=version),
        lambda response: {"model_stats": [_model_json(stats) for stats in response.model_stats]},
    )


def _model_json(stats: Any) -> dict[str, Any]:
    return {
        "name": stats.name,
        "version": stats.version,
        "last_inference": stats.last_inference,
        "inference_count": stats.inference_count,
        "execution_count": stats.execution_count,
        "inference_stats": _durations(stats.inference_stats, _INFERENCE),
        "response_stats": {key: _durations(value, _RESPONSE) for key, value in sorted(stats.response_stats.items())},
        "batch_stats": [{"batch_size": batch.batch_size, **_durations(batch, _BATCH)} for batch in stats.batch_stats],
        "memory_usage": [
            {"type": usage.type, "id": usage.id, "byte_size": usage.byte_size} for usage in stats.memory_usage
        ],
    }


def _durations(message: Any, names: Sequence[str]) -> dict[str, dict[str, int]]:
    found = {}
    for name in names:
        duration = getattr(message, name)
        found[name] = {"count": duration.count, "ns": duration.ns}
    return found
