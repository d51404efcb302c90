"""Tables for people, in the look of Triton's."""

from __future__ import annotations

from collections.abc import Sequence


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Lay out rows under a head. Of a cell, every line is shown."""
    cells = [[cell.split("\n") for cell in row] for row in (head, *rows)]
    widths = [max(len(line) for row in cells for line in row[column]) for column in range(len(head))]
    rule = "+" + "+".join("-" * (width + 2) for width in widths) + "+"
    drawn = ["\n".join(_lines(row, widths)) for row in cells]
    return "\n".join([rule, drawn[0], rule, *drawn[1:], *([rule] if rows else [])])


def _lines(row: Sequence[Sequence[str]], widths: Sequence[int]) -> list[str]:
    height = max(len(cell) for cell in row)
    return [
        "| "
        + " | ".join(
            (cell[line] if line < len(cell) else "").ljust(width) for cell, width in zip(row, widths, strict=True)
        )
        + " |"
        for line in range(height)
    ]
