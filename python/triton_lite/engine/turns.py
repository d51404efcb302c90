"""Turns of loads and unloads at models: who has which, and who waits for whom."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from triton_lite.errors import Code, TritonError

_Found = TypeVar("_Found")
_Entered = TypeVar("_Entered")


class Turn:
    """One load or unload. waits_for: turns of calls that its models make while it waits for them, and turns that these
    calls wait for themselves.
    """

    def __init__(self) -> None:
        self.waits_for: list[set[Turn]] = []

    def leads_to(self, other: Turn) -> bool:
        """Tell whether this turn cannot end before another one."""
        seen: set[Turn] = set()
        waiting = [self]
        while waiting:
            turn = waiting.pop()
            if turn is other:
                return True
            if turn not in seen:
                seen.add(turn)
                waiting += [held for holders in turn.waits_for for held in holders]
        return False


class Turns:
    """Gives out turns. `free` guards them, and whatever else changes with them.

    A model may load others while it is loaded, and so come to wait for a turn that waits for it: that is refused.
    """

    def __init__(self) -> None:
        self.free = threading.Condition()
        self._busy: dict[str, Turn] = {}

    @contextmanager
    def take(
        self, look: Callable[[], tuple[_Found, set[str]]], enter: Callable[[_Found], _Entered], within: str | None
    ) -> Iterator[_Entered]:
        """Wait until nobody has a turn at the models that `look` names, and have them until the block ends.

        look: gives what was found, and the keys of the models that it concerns; called again after each wait. enter:
        called with it at the moment when the turn begins. Both with `free` held. within: the model on whose behalf this
        is, while it is loaded itself. Raises TritonError where waiting would never end.
        """
        with self.free:
            parent = self._busy.get(within) if within is not None else None
            while True:
                found, keys = look()
                holders = {self._busy[key] for key in keys if key in self._busy}
                if not holders:
                    break
                self._wait(parent, holders, within)
            turn = Turn()
            self._busy |= dict.fromkeys(keys, turn)
            if parent is not None:
                parent.waits_for.append({turn})
            entered = enter(found)
        try:
            yield entered
        finally:
            with self.free:
                for key in keys:
                    del self._busy[key]
                if parent is not None:
                    parent.waits_for.remove({turn})
                self.free.notify_all()

    def _wait(self, parent: Turn | None, holders: set[Turn], within: str | None) -> None:
        if parent is None:
            self.free.wait()
            return
        if any(holder.leads_to(parent) for holder in holders):
            raise TritonError(
                Code.UNAVAILABLE, f"models that are being loaded together with '{within}' cannot be waited for by it"
            )
        parent.waits_for.append(holders)
        try:
            self.free.wait()
        finally:
            parent.waits_for.remove(holders)
