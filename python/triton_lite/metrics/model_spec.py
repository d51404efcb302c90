"""What the data plane is told of the metrics of one version of a model."""

from __future__ import annotations

import logging
from typing import Any

from triton_lite.proto import messages

_log = logging.getLogger(__name__)

HISTOGRAMS = (
    "nv_inference_first_response_histogram_ms",
    "triton_lite_request_duration_seconds",
    "triton_lite_queue_duration_seconds",
    "triton_lite_batch_size",
)
"""The families whose buckets a model may choose (model_metrics), as csrc/metrics/model_metrics.cc has them."""


def model_labels(config: messages.ModelConfig, version: int, namespace: str | None) -> dict[str, str]:
    """Name the model as Triton does: namespace (None: there are none), model, version, and its tags with a `_`."""
    labels = {"model": config.name, "version": str(version)}
    if namespace is not None:
        labels["namespace"] = namespace
    return labels | {f"_{name}": value for name, value in config.metric_tags.items()}


def metrics_spec(
    native: Any, config: messages.ModelConfig, version: int, namespace: str | None, load_start: int
) -> Any:
    """Make a `_native.ModelMetricsSpec`. load_start: when the load began, in nanoseconds of the steady clock."""
    spec = native.ModelMetricsSpec()
    spec.labels = model_labels(config, version, namespace)
    spec.load_start = load_start
    buckets = {}
    for control in config.model_metrics.metric_control:
        family = control.metric_identifier.family
        if family in HISTOGRAMS:
            buckets[family] = list(control.histogram_options.buckets)
        else:
            _log.warning(
                "Metric family '%s' in 'metric_identifier' is not a customizable metric in Triton core.", family
            )
    spec.buckets = buckets
    return spec
