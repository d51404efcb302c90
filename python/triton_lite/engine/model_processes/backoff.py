"""How long to wait before a process that died is started again."""

from __future__ import annotations

_FACTOR = 2


class Backoff:
    """Delays that double. A pure function of what is told to it; one for each process.

    first: of the first death in a row. longest: no delay is longer. longest_after_ready: nor any for a process that had
    become ready, which costs little to try again. well_after: a process that was ready for so long starts a new row.
    All in seconds.
    """

    def __init__(self, first: float, longest: float, longest_after_ready: float, well_after: float) -> None:
        self._first = first
        self._longest = longest
        self._longest_after_ready = longest_after_ready
        self._well_after = well_after
        self._next = first

    def after_death(self, ready_for: float | None) -> float:
        """Return the delay after a death. ready_for: how long the process had been ready, None if it never was."""
        longest = self._longest if ready_for is None else min(self._longest, self._longest_after_ready)
        if ready_for is not None and ready_for >= self._well_after:
            self._next = self._first
        delay = min(self._next, longest)
        self._next = min(max(delay, self._next) * _FACTOR, self._longest)
        return delay
