"""The two ways of showing an interval: a table for people, a line of JSON for scripts."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from triton_lite.cli.model.tables import table
from triton_lite.cli.top.figures import Row

_HEAD = ("Model", "Version", "State", "Req/s", "Queue ms", "Compute ms", "Batch", "Fail/s", "Failures", "Requests")
_NUMBERS = range(3, len(_HEAD))
# Rules and head of the table, the line above it, and one for what has no place.
_LINES_AROUND = 6


def as_table(title: str, rows: Sequence[Row], height: int | None = None, width: int | None = None) -> str:
    """Lay out the rows; those that have no place on a screen of `height` lines are only counted."""
    room = len(rows) if height is None else max(1, height - _LINES_AROUND)
    lines = [title, *table(_HEAD, [_cells(row) for row in rows[:room]], numbers=_NUMBERS).split("\n")]
    if len(rows) > room:
        lines.append(f"… and {len(rows) - room} more that did less")
    return "\n".join(line[:width] for line in lines)


def as_json(time: float, seconds: float, rows: Sequence[Row]) -> str:
    """Write one line. time: seconds since 1970; seconds: the length of the interval."""
    return _line({"time": time, "interval_seconds": seconds, "models": [asdict(row) for row in rows]})


def error_as_json(time: float, error: str) -> str:
    """Write the line of an interval in which the server did not answer."""
    return _line({"time": time, "error": error})


def title(url: str, rows: Sequence[Row], seconds: float) -> str:
    """Sum up the interval in one line."""
    requests, failures = (
        sum(getattr(row, name) for row in rows) for name in ("requests_per_second", "failures_per_second")
    )
    ready = sum(row.state == "READY" for row in rows)
    return (
        f"{url}: {ready} of {len(rows)} ready, {_short(requests)} requests/s, {_short(failures)} failures/s "
        f"in the last {seconds:.1f} s"
    )


def _line(content: dict[str, Any]) -> str:
    return json.dumps(content, separators=(",", ":"))


def _cells(row: Row) -> list[str]:
    return [
        row.name,
        row.version or "-",
        row.state or "-",
        _short(row.requests_per_second),
        _short(row.queue_ms),
        _short(row.compute_ms),
        _short(row.batch_size),
        _short(row.failures_per_second),
        str(row.failures),
        str(row.requests),
    ]


def _short(value: float | None) -> str:
    if value is None:
        return "-"
    return f"{value:.0f}" if value >= 100 or value == 0 else f"{value:.3g}"
