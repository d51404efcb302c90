"""What --metrics-config says."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable
from dataclasses import dataclass

_log = logging.getLogger(__name__)

TRITON_QUANTILES = ((0.5, 0.05), (0.9, 0.01), (0.95, 0.001), (0.99, 0.001), (0.999, 0.001))
"""Quantile and its allowed error, as a part of all ranks."""

# Triton reads as much of a number as it understands: "0.0.1" is 0.0.
_NUMBER = re.compile(r"\s*[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")


@dataclass(frozen=True)
class MetricsSettings:
    """counters, histograms: whether there are any of latencies. summaries: their quantiles and errors, or None."""

    counters: bool = True
    histograms: bool = False
    summaries: tuple[tuple[float, float], ...] | None = None


def metrics_settings(settings: Iterable[tuple[str, str]]) -> MetricsSettings:
    """Read the settings by Triton's rules: what it does not know has no effect, and is logged here."""
    counters, histograms, summaries = True, False, False
    quantiles: tuple[tuple[float, float], ...] = TRITON_QUANTILES
    for name, value in settings:
        if name == "counter_latencies":
            counters = counters and value != "false"
        elif name == "histogram_latencies":
            histograms = histograms or value == "true"
        elif name == "summary_latencies":
            summaries = summaries or value == "true"
        elif name == "summary_quantiles":
            quantiles = _quantiles(value) or quantiles
        else:
            _log.warning("--metrics-config: there is no setting '%s'; it has no effect", name)
    return MetricsSettings(counters, histograms, quantiles if summaries else None)


def _quantiles(text: str) -> tuple[tuple[float, float], ...]:
    """Read QUANTILE:ERROR,…; pairs that are none are logged and left out."""
    pairs = []
    for pair in text.split(","):
        quantile, colon, error = pair.partition(":")
        if not colon:
            _log.error(
                "Invalid option: [%s]. No ':' delimiter found. Expected format is <quantile>:<error>",
                pair,
            )
            continue
        numbers = [_NUMBER.match(part) for part in (quantile, error)]
        if not all(numbers):
            _log.error("Invalid option: [%s]. Error: stod", pair)
            continue
        value, allowed = (float(number.group()) for number in numbers if number)
        if not (0 <= value <= 1 and 0 <= allowed <= 1):
            _log.error("Invalid option: [%s]. A quantile and its error lie between 0 and 1", pair)
            continue
        pairs.append((value, allowed))
    return tuple(pairs)
