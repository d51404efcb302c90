"""The rules of the sequence batcher in plain Python, from the documentation: no clock, no threads."""

from __future__ import annotations

import heapq
from collections import deque
from dataclasses import dataclass, field

START, END = 1, 2

NO_ID = "inference request to model 'model' must specify a non-zero or non-empty correlation ID"
NO_START = (
    "inference request for sequence {} to model 'model' must specify the START flag on the first request of the"
    " sequence"
)


@dataclass
class Request:
    """What a client sent."""

    name: str
    sequence: int
    flags: int
    cancelled: bool = False

    def shown(self) -> str:
        """As the driver shows it in a batch."""
        return f"{self.name}/{self.flags & START},{(self.flags & END) // END},1"


@dataclass
class Slot:
    """A place of an instance."""

    queue: deque[Request] = field(default_factory=deque)
    sequence: int | None = None  # While more of it may come.
    taken: bool = False
    in_flight: bool = False


@dataclass
class Backlog:
    """The requests of a sequence without a slot."""

    queue: deque[Request]
    sequence: int | None


Place = tuple[int, int]  # Slot, instance.


class SequenceModel:
    """Where requests are, what instances run next, and what was refused. `oldest`: the strategy, else direct."""

    def __init__(self, instances: int, slots: int, max_batch: int, oldest: bool) -> None:
        self.max_batch = max(1, max_batch)
        self.oldest = oldest
        self.slots = {(slot, instance): Slot() for slot in range(slots) for instance in range(instances)}
        self.free: list[Place] = sorted(self.slots)
        self.live: dict[int, Place | Backlog] = {}
        self.backlog: deque[Backlog] = deque()
        self.ready: list[deque[tuple[Request, Place]]] = [deque() for _ in range(instances)]
        self.running: list[list[Place] | None] = [None] * instances
        self.refused: dict[str, tuple[int, str]] = {}

    def enqueue(self, request: Request) -> None:
        """Take a request in, or refuse it."""
        starts, ends = bool(request.flags & START), bool(request.flags & END)
        where = self.live.get(request.sequence)
        if request.sequence == 0:
            self.refused[request.name] = (3, NO_ID)
            return
        if where is None and not starts:
            self.refused[request.name] = (3, NO_START.format(request.sequence))
            return
        if where is None:
            where = heapq.heappop(self.free) if self.free else Backlog(deque(), request.sequence)
            if isinstance(where, Backlog):
                self.backlog.append(where)
            self.live[request.sequence] = where
        if isinstance(where, Backlog):
            where.queue.append(request)
            if ends:
                where.sequence = None
        else:
            slot = self.slots[where]
            slot.queue.append(request)
            slot.taken, slot.sequence = True, None if ends else request.sequence
        if ends:
            del self.live[request.sequence]
        if not isinstance(where, Backlog):
            self._advance(where)

    def next_batch(self, instance: int) -> list[str] | None:
        """What an idle instance starts now."""
        if self.running[instance] is not None:
            return None
        shown, places = self._oldest_batch(instance) if self.oldest else self._direct_batch(instance)
        self.running[instance] = places or None
        return shown or None

    def cancel(self, request: Request) -> None:
        """A request that was taken in, and has not run, is given up."""
        request.cancelled = True
        self._cancel(deque([request]))
        for ready in self.ready:
            for item in [item for item in ready if item[0] is request]:
                ready.remove(item)
                self.slots[item[1]].in_flight = False
                self._advance(item[1])

    def has_work(self, instance: int) -> bool:
        """Whether an idle instance would start something, as long as nobody cancels."""
        places = [place for place in self.slots if place[1] == instance]
        waits = bool(self.ready[instance]) or any(self.slots[place].queue for place in places if not self.oldest)
        return waits and self.running[instance] is None

    def finish(self, instance: int) -> None:
        """The batch of an instance ends."""
        places = self.running[instance] or []
        self.running[instance] = None
        for place in places:
            self.slots[place].in_flight = False
            self._advance(place)

    def _advance(self, place: Place) -> None:
        slot = self.slots[place]
        while self.oldest and not slot.in_flight and slot.queue:
            if slot.queue[0].cancelled:
                self._release(place)
                continue
            request = slot.queue.popleft()
            slot.in_flight = True
            self.ready[place[1]].append((request, place))
            if request.flags & END:
                self._release(place)

    def _oldest_batch(self, instance: int) -> tuple[list[str], list[Place]]:
        ready = self.ready[instance]
        batch = [ready.popleft() for _ in range(min(self.max_batch, len(ready)))]
        return [request.shown() for request, _ in batch], [place for _, place in batch]

    def _direct_batch(self, instance: int) -> tuple[list[str], list[Place]]:
        places = [place for place in sorted(self.slots) if place[1] == instance]
        for place in places:
            if self.slots[place].queue and self.slots[place].queue[0].cancelled:
                self._release(place)
        waiting = [place for place in places if self.slots[place].queue]
        shown: list[str] = []
        for place in places:
            if not waiting or place > waiting[-1]:
                break
            if place not in waiting:
                shown.append("-")
                continue
            slot = self.slots[place]
            request = slot.queue.popleft()
            slot.in_flight = True
            shown.append(request.shown())
            if request.flags & END:
                self._release(place)
        return shown, waiting

    def _release(self, place: Place) -> None:
        slot = self.slots[place]
        if slot.sequence is not None:
            del self.live[slot.sequence]
        self._cancel(slot.queue)
        slot.queue, slot.sequence, slot.taken = deque(), None, False
        while self.backlog:
            backlog = self.backlog.popleft()
            if any(request.cancelled for request in backlog.queue):
                self._cancel(backlog.queue)
                if backlog.sequence is not None:
                    del self.live[backlog.sequence]
                continue
            slot.queue, slot.sequence, slot.taken = backlog.queue, backlog.sequence, True
            if backlog.sequence is not None:
                self.live[backlog.sequence] = place
            return
        heapq.heappush(self.free, place)

    def _cancel(self, requests: deque[Request]) -> None:
        for request in requests:
            self.refused[request.name] = (1, "")
