"""Triton's table of models, versions and states, and what went wrong in words."""

from __future__ import annotations

from collections.abc import Sequence

from triton_lite.engine.report import ModelState

_HEAD = ("Model", "Version", "Status")


def model_table(models: Sequence[ModelState]) -> str:
    """The table that Triton prints when its models are loaded; of a reason, the first line."""
    rows = [(model.name, model.version or "-", _status(model)) for model in sorted(models, key=_order)]
    widths = [max(len(row[column]) for row in (_HEAD, *rows)) for column in range(len(_HEAD))]
    rule = "+" + "+".join("-" * (width + 2) for width in widths) + "+"
    lines = [rule, _line(_HEAD, widths), rule, *(_line(row, widths) for row in rows), rule]
    return "\n".join(lines)


def failures(models: Sequence[ModelState]) -> list[str]:
    """One paragraph for each version that is not ready: which, and the whole reason."""
    return [
        f"{model.name}{', version ' + model.version if model.version else ''}: {model.reason or model.state}"
        + (f"; {model.advice}" if model.advice else "")
        for model in sorted(models, key=_order)
        if not model.ready
    ]


def _order(model: ModelState) -> tuple[str, int]:
    return model.name, int(model.version) if model.version.isdigit() else -1


def _status(model: ModelState) -> str:
    first_line = model.reason.partition("\n")[0]
    return f"{model.state}: {first_line}" if first_line else model.state


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    return "| " + " | ".join(cell.ljust(width) for cell, width in zip(cells, widths, strict=True)) + " |"
