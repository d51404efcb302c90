"""When a process that died is started again, and when that is given up: a decision, apart from whoever acts on it."""

from __future__ import annotations

import time
from collections.abc import Callable

STABLE_SECONDS = 2.0
"""A process that served so long counts as well: the next death is a first one again."""

_FIRST_PAUSE_SECONDS = 0.25
_LONGEST_PAUSE_SECONDS = 10.0
_MOST_FAILED_STARTS = 5
_MOST_SHORT_LIVES = 8


class Restarts:
    """The lives of one process. `clock` gives seconds.

    The first death is followed by a start at once, those that come soon after it by ever longer pauses. A process that
    ends five times in a row before it serves, or eight times soon after, is in a crash loop.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._serving_since: float | None = None
        self._failed_starts = 0
        self._short_lives = 0

    def serves(self) -> None:
        """The process is up."""
        self._failed_starts = 0
        self._serving_since = self._clock()

    def died(self) -> float | None:
        """Return how many seconds to wait before the next start; None when there is to be none."""
        since, self._serving_since = self._serving_since, None
        if since is None:
            self._failed_starts += 1
        if since is not None and self._clock() - since >= STABLE_SECONDS:
            self._short_lives = 0
            return 0.0
        self._short_lives += 1
        if self._failed_starts >= _MOST_FAILED_STARTS or self._short_lives >= _MOST_SHORT_LIVES:
            return None
        if self._short_lives == 1:
            return 0.0
        # The exponent is small: the crash loop ends it.
        pause: float = _FIRST_PAUSE_SECONDS * 2.0 ** (self._short_lives - 2)
        return min(pause, _LONGEST_PAUSE_SECONDS)

    @property
    def failed_starts(self) -> int:
        """How often in a row it ended before it served."""
        return self._failed_starts
