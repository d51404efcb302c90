"""Tables for people, in the look of Triton's."""

from __future__ import annotations

from collections.abc import Collection, Sequence


def table(head: Sequence[str], rows: Sequence[Sequence[str]], numbers: Collection[int] = ()) -> str:
    """Lay out rows under a head. Of a cell, every line is shown. numbers: columns that are aligned at their right."""
    cells = [[cell.split("\n") for cell in row] for row in (head, *rows)]
    widths = [max(len(line) for row in cells for line in row[column]) for column in range(len(head))]
    rule = "+" + "+".join("-" * (width + 2) for width in widths) + "+"
    drawn = ["\n".join(_lines(row, widths, numbers)) for row in cells]
    return "\n".join([rule, drawn[0], rule, *drawn[1:], *([rule] if rows else [])])


def _lines(row: Sequence[Sequence[str]], widths: Sequence[int], numbers: Collection[int]) -> list[str]:
    height = max(len(cell) for cell in row)
    return [
        "| " + " | ".join(_aligned(row, column, line, widths, numbers) for column in range(len(widths))) + " |"
        for line in range(height)
    ]


def _aligned(
    row: Sequence[Sequence[str]], column: int, line: int, widths: Sequence[int], numbers: Collection[int]
) -> str:
    text = row[column][line] if line < len(row[column]) else ""
    return text.rjust(widths[column]) if column in numbers else text.ljust(widths[column])
