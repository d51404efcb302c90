"""Looking again before going to sleep: being woken costs 30 to 70 µs, as much as several small batches.

The process gives its core away between two looks, so that whoever is to send something gets on. It looks no more for
longer and longer while that does not pay, and never on one core. (The engine's side: csrc/channel/second_look.h.)
"""

from __future__ import annotations

import os
from time import monotonic_ns
from typing import Callable, TypeVar

Found = TypeVar("Found")

LOOK_NS = 100_000
_SHORTEST_REST_NS = 200_000
_LONGEST_REST_NS = 20_000_000
_MISSES_TO_REST = 4
_FINDS_TO_TRUST = 8
# A yield that took longer went to somebody else, who has the core for whole slices.
_LONG_MISS_NS = 100_000
# Whoever sends may have done much meanwhile.
_LONG_HIT_NS = 500_000


class SecondLook:
    """Adaptive. Used by one thread at a time."""

    def __init__(self) -> None:
        cores = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else ()
        self._useful = len(cores) > 1
        self._rests_until = 0
        self._rest = _SHORTEST_REST_NS
        self._misses = 0
        self._finds = 0

    def look(self, read: Callable[[], Found | None], nothing: Found) -> Found | None:
        """Read until there is something, for a moment; else return `nothing`.

        read: raises BlockingIOError, or returns `nothing`, where there is nothing yet.
        """
        before = now = start = monotonic_ns()
        if not self._useful or start < self._rests_until:
            return nothing
        while True:
            found: Found | None
            try:
                found = read()
            except BlockingIOError:
                found = nothing
            if found is not nothing:
                if now is not start:
                    self._on_found(now, now - before)
                return found
            if now - before > _LONG_MISS_NS:
                return self._on_missed(now, 1, nothing)
            if now - start > LOOK_NS:
                return self._on_missed(now, _MISSES_TO_REST, nothing)
            os.sched_yield()
            before, now = now, monotonic_ns()

    def _on_found(self, now: int, yielded: int) -> None:
        if yielded > _LONG_HIT_NS:
            self._on_missed(now, 1, None)
            return
        self._misses = 0
        if self._rest > _SHORTEST_REST_NS:
            self._finds += 1
            if self._finds >= _FINDS_TO_TRUST:
                self._finds = 0
                self._rest //= 2

    def _on_missed(self, now: int, misses_to_rest: int, nothing: Found) -> Found:
        """Rest after so many misses in a row; after a rest one decides."""
        self._misses += 1
        if self._misses >= misses_to_rest:
            self._misses = misses_to_rest - 1
            self._finds = 0
            self._rests_until = now + self._rest
            self._rest = min(2 * self._rest, _LONGEST_REST_NS)
        return nothing
