"""--metrics-config."""

from __future__ import annotations

import logging

import pytest

from triton_lite.metrics.settings import TRITON_QUANTILES, MetricsSettings, metrics_settings


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ([], MetricsSettings()),
        ([("counter_latencies", "false")], MetricsSettings(counters=False)),
        ([("counter_latencies", "no")], MetricsSettings()),
        ([("counter_latencies", "false"), ("counter_latencies", "true")], MetricsSettings(counters=False)),
        ([("histogram_latencies", "true")], MetricsSettings(histograms=True)),
        ([("summary_latencies", "true")], MetricsSettings(summaries=TRITON_QUANTILES)),
        ([("summary_quantiles", "0.5:0.1")], MetricsSettings()),
        (
            [("summary_latencies", "true"), ("summary_quantiles", "0.1:0.0.1,0.7:0.01,0.75:0.01")],
            MetricsSettings(summaries=((0.1, 0.0), (0.7, 0.01), (0.75, 0.01))),
        ),
    ],
)
def test_reads_settings_as_triton_does(given: list[tuple[str, str]], expected: MetricsSettings) -> None:
    assert metrics_settings(given) == expected


@pytest.mark.parametrize(
    ("quantiles", "text"),
    [
        ("0.5", "Invalid option: [0.5]. No ':' delimiter found. Expected format is <quantile>:<error>"),
        ("a:0.1", "Invalid option: [a:0.1]. Error: stod"),
        ("1.5:0.1", "Invalid option: [1.5:0.1]. A quantile and its error lie between 0 and 1"),
    ],
)
def test_logs_and_leaves_out_what_is_no_quantile(quantiles: str, text: str, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.ERROR):
        settings = metrics_settings([("summary_latencies", "true"), ("summary_quantiles", quantiles)])
    assert settings.summaries == TRITON_QUANTILES
    assert text in caplog.text


def test_logs_a_setting_that_does_not_exist(caplog: pytest.LogCaptureFixture) -> None:
    metrics_settings([("summary_latency", "true")])
    assert "there is no setting 'summary_latency'" in caplog.text
