"""Families of metrics in Prometheus' text format, for the few that are written in Python."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Family:
    """A name, what it means, and its type in Prometheus' words."""

    name: str
    help: str
    type: str = "gauge"

    def text(self, samples: Iterable[tuple[dict[str, str], float]]) -> str:
        """Write the family with its samples (labels, value); nothing where there are none."""
        lines = [f"{self.name}{_labels(labels)} {_number(value)}\n" for labels, value in samples]
        if not lines:
            return ""
        return f"# HELP {self.name} {self.help}\n# TYPE {self.name} {self.type}\n{''.join(lines)}"


def _labels(labels: dict[str, str]) -> str:
    if not labels:
        return ""
    return "{" + ",".join(f'{name}="{_escaped(value)}"' for name, value in labels.items()) + "}"


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace("\n", "\\n").replace('"', '\\"')


def _number(value: float) -> str:
    return str(value) if isinstance(value, int) else f"{value:.16g}"
