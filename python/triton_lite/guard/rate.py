"""How many requests a key may send: so many a second on average, so many at once."""

from __future__ import annotations

import re
from dataclasses import dataclass

_SECONDS = {"s": 1, "m": 60, "h": 3600}
_RATE = re.compile(r"([0-9]{1,9})/([smh])")
_BURST = re.compile(r"[1-9][0-9]{0,8}")


@dataclass(frozen=True)
class Rate:
    """interval: nanoseconds between two requests on average. burst: requests that may come at once."""

    interval: int
    burst: int

    @classmethod
    def parse(cls, rate: str, burst: str = "") -> Rate:
        """Read `100/s`, `600/m` or `5/h`; the burst is a second's worth, at least one, unless given.

        Raises ValueError with the reason.
        """
        match = _RATE.fullmatch(rate)
        if match is None or int(match[1]) == 0:
            raise ValueError(f"rate={rate}: a number of requests was expected, such as 100/s, 600/m or 5/h")
        if burst and not _BURST.fullmatch(burst):
            raise ValueError(f"burst={burst}: a number of requests was expected")
        count, seconds = int(match[1]), _SECONDS[match[2]]
        return cls(seconds * 1_000_000_000 // count, int(burst) if burst else max(1, count // seconds))

    def take(self, due: int, now: int) -> tuple[int, int]:
        """Count a request at `now`: returns when the next is due, and nanoseconds to wait (0: it may pass).

        due: what this returned last, 0 at first. A request that must wait is not counted. (The generic cell rate
        algorithm: one number is all that is kept of a key.)
        """
        due = max(due, now)
        early = due - (self.burst - 1) * self.interval - now
        return (due, early) if early > 0 else (due + self.interval, 0)
