"""Families of metrics in Prometheus' text format, for the few that are written in Python."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Family:
    """A name, what it means, and its type in Prometheus' words."""

    name: str
    help: str
    type: str = "gauge"

    def text(self, samples: Iterable[tuple[dict[str, str], float]]) -> str:
        """Write the family with its samples (labels, value); nothing where there are none."""
        return self._with_head([f"{self.name}{_labels(labels)} {_number(value)}\n" for labels, value in samples])

    def text_of_histograms(
        self, samples: Iterable[tuple[dict[str, str], Sequence[float], Sequence[int], float]]
    ) -> str:
        """Write a family of histograms: labels, upper bounds of buckets, observations of each and beyond, their sum."""
        lines = []
        for labels, bounds, counts, total in samples:
            cumulative = list(itertools.accumulate(counts))
            lines.append(f"{self.name}_count{_labels(labels)} {cumulative[-1]}\n")
            lines.append(f"{self.name}_sum{_labels(labels)} {_number(total)}\n")
            for bound, count in zip((*map(_number, bounds), "+Inf"), cumulative, strict=True):
                bucket = ",".join(part for part in (_label_list(labels), f'le="{bound}"') if part)
                lines.append(f"{self.name}_bucket{{{bucket}}} {count}\n")
        return self._with_head(lines)

    def _with_head(self, lines: list[str]) -> str:
        if not lines:
            return ""
        return f"# HELP {self.name} {self.help}\n# TYPE {self.name} {self.type}\n{''.join(lines)}"


def _labels(labels: dict[str, str]) -> str:
    return f"{{{_label_list(labels)}}}" if labels else ""


def _label_list(labels: dict[str, str]) -> str:
    return ",".join(f'{name}="{_escaped(value)}"' for name, value in labels.items())


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace("\n", "\\n").replace('"', '\\"')


def _number(value: float) -> str:
    if isinstance(value, int):
        return str(value)
    if not math.isfinite(value):
        return "NaN" if math.isnan(value) else "+Inf" if value > 0 else "-Inf"
    return f"{value:.16g}"
