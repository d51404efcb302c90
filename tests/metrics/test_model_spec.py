"""What the data plane is told of a model's metrics."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from google.protobuf import text_format

from triton_lite.config.error import ConfigError
from triton_lite.config.rules.general import metric_tags_are_labels, metrics_are_complete
from triton_lite.metrics.model_spec import metrics_spec, model_labels
from triton_lite.proto import messages

NATIVE = SimpleNamespace(ModelMetricsSpec=SimpleNamespace)


def _config(text: str) -> messages.ModelConfig:
    return text_format.Parse(f'name: "m" {text}', messages.ModelConfig())


def test_labels() -> None:
    config = _config('metric_tags { key: "team" value: "a\\"b" }')
    assert model_labels(config, 3, None) == {"model": "m", "version": "3", "_team": 'a"b'}
    assert model_labels(config, 3, "/r")["namespace"] == "/r"


def test_buckets_of_families_that_can_be_chosen(caplog: pytest.LogCaptureFixture) -> None:
    control = 'metric_control {{ metric_identifier {{ family: "{}" }} histogram_options {{ buckets: [ 1, 2.5 ] }} }}'
    names = ("nv_inference_first_response_histogram_ms", "triton_lite_batch_size", "nv_other")
    config = _config(f"model_metrics {{ {' '.join(control.format(name) for name in names)} }}")
    spec = metrics_spec(NATIVE, config, 1, None, 5)
    assert spec.buckets == {name: [1, 2.5] for name in names[:2]}
    assert spec.load_start == 5
    assert [record.getMessage() for record in caplog.records] == [
        "Metric family 'nv_other' in 'metric_identifier' is not a customizable metric in Triton core."
    ]


@pytest.mark.parametrize("buckets", ["2, 1", "1, 1", "1, inf", "nan"])
def test_buckets_increase(buckets: str) -> None:
    config = _config(
        'model_metrics { metric_control { metric_identifier { family: "f" } histogram_options { buckets: ['
        + buckets
        + "] } } }"
    )
    with pytest.raises(ConfigError, match="buckets of metric family 'f' must increase"):
        metrics_are_complete(config)


def test_tags_are_names_of_labels() -> None:
    metric_tags_are_labels(_config('metric_tags { key: "Team_1" value: "any thing" }'))
    with pytest.raises(ConfigError, match="metric tag 'a-b' of model 'm' is no name for a label"):
        metric_tags_are_labels(_config('metric_tags { key: "a-b" value: "" }'))
