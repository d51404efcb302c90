"""The table of models has Triton's look."""

from __future__ import annotations

from pathlib import Path

from triton_lite.cli.table import failures, model_table
from triton_lite.engine.report import ModelState

OBSERVED = Path(__file__).resolve().parents[1] / "golden" / "observed" / "startup_tables.txt"


def test_looks_as_tritons() -> None:
    lines = OBSERVED.read_text().splitlines()
    start = next(number for number, line in enumerate(lines) if line.startswith("| Model "))
    end = next(number for number in range(start + 2, len(lines)) if lines[number].startswith("+"))
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[start + 2 : end]]
    models = [ModelState(*row) for row in rows]
    assert model_table(list(reversed(models))).splitlines() == lines[start - 1 : end + 1]


def test_versions_are_in_the_order_of_numbers_and_reasons_are_short() -> None:
    models = [
        ModelState("m", "10", "READY"),
        ModelState("m", "9", "UNAVAILABLE", "first\nsecond"),
        ModelState("a", "", "UNAVAILABLE", "none"),
    ]
    assert model_table(models).splitlines()[3:-1] == [
        "| a     | -       | UNAVAILABLE: none  |",
        "| m     | 9       | UNAVAILABLE: first |",
        "| m     | 10      | READY              |",
    ]
    assert failures(models) == ["a: none", "m, version 9: first\nsecond"]
