"""Turns at shared resources: random instances and needs against a plain model of the rules."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest
from driver import Driver, driver
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

pytestmark = pytest.mark.timeout(1300)

NAMES = ("A", "B", "G!")  # "!": global.


@dataclass
class Seat:
    """One instance: what it needs, by resource and device, and where it stands."""

    need: dict[tuple[str, int], int]
    priority: int
    executions: int = 2  # Setting up and warming up.
    ticket: int = 0
    waits: bool = False
    runs: bool = False


@dataclass
class Model:
    """The rules: the one that ran least (times its priority) is next, and nobody passes it."""

    limits: dict[str, int]
    seats: dict[int, Seat] = field(default_factory=dict)
    tickets: int = 0

    def limit(self, resource: tuple[str, int], more: Seat | None = None) -> int:
        if self.limits:
            return self.limits.get(resource[0].rstrip("!"), 0)
        seats = [*self.seats.values(), *([more] if more else [])]
        return max((seat.need.get(resource, 0) for seat in seats), default=0)

    def refuses(self, seat: Seat) -> bool:
        return any(count > self.limit(resource, seat) for resource, count in seat.need.items())

    def line_up(self, seat: Seat) -> None:
        seat.waits, seat.ticket = True, self.tickets
        self.tickets += 1

    def grant(self) -> list[int]:
        while line := [seat for seat in self.seats.values() if seat.waits]:
            first = min(line, key=lambda seat: (seat.executions * seat.priority, seat.ticket))
            if any(self.used(one) + count > self.limit(one) for one, count in first.need.items()):
                break
            first.waits, first.runs = False, True
        return [number for number, seat in sorted(self.seats.items()) if seat.runs]

    def used(self, resource: tuple[str, int]) -> int:
        return sum(seat.need.get(resource, 0) for seat in self.seats.values() if seat.runs)


class RateLimiter(RuleBasedStateMachine):
    program: Driver

    @initialize(limits=st.one_of(st.just({}), st.fixed_dictionaries({name: st.integers(1, 5) for name in "ABG"})))
    def make(self, limits: dict[str, int]) -> None:
        self.model = Model(limits)
        self.count = 0
        self.program.command("make", *(f"{name}={count}" for name, count in limits.items()))

    @rule(
        device=st.integers(0, 1),
        priority=st.integers(0, 3),
        need=st.dictionaries(st.sampled_from(NAMES), st.integers(1, 4), min_size=1),
    )
    def add(self, device: int, priority: int, need: dict[str, int]) -> None:
        self.count += 1
        seat = Seat({(name, -1 if name == "G!" else device): count for name, count in need.items()}, max(1, priority))
        reply = self.program.command(
            "seat", self.count, device, priority, *(f"{name}={count}" for name, count in need.items())
        )
        if self.model.refuses(seat):
            assert "will prevent scheduling of one or more model instances" in reply
        else:
            assert reply == "ok"
            self.model.seats[self.count] = seat
            self.model.grant()

    @rule(data=st.data())
    def ask(self, data: st.DataObject) -> None:
        number = self.draw(data, [n for n, seat in self.model.seats.items() if not seat.waits and not seat.runs])
        if number:
            self.model.line_up(self.model.seats[number])
            self.act("ask", number)

    @rule(data=st.data(), again=st.booleans())
    def finish(self, data: st.DataObject, again: bool) -> None:
        number = self.draw(data, [n for n, seat in self.model.seats.items() if seat.runs])
        if number:
            seat = self.model.seats[number]
            seat.runs = False
            seat.executions += 1
            if again:
                self.model.line_up(seat)
            self.act("finish_and_ask" if again else "finish", number)

    @rule(data=st.data())
    def withdraw(self, data: st.DataObject) -> None:
        number = self.draw(data, [n for n, seat in self.model.seats.items() if seat.waits or seat.runs])
        if number:
            self.model.seats[number].waits = self.model.seats[number].runs = False
            self.act("withdraw", number)

    @rule(data=st.data())
    def leave(self, data: st.DataObject) -> None:
        number = self.draw(data, list(self.model.seats))
        if number:
            del self.model.seats[number]
            self.act("leave", number)

    def draw(self, data: st.DataObject, numbers: list[int]) -> int:
        return data.draw(st.sampled_from(numbers)) if numbers else 0

    def act(self, command: str, number: int) -> None:
        turns = self.model.grant()
        assert self.program.command(command, number).split(" ")[1:] == [str(turn) for turn in turns]


@pytest.fixture(scope="module", autouse=True)
def _program() -> Iterator[None]:
    with driver("schedule_rate_limiter_driver") as started:
        RateLimiter.program = started
        yield


TestRateLimiter = RateLimiter.TestCase
TestRateLimiter.settings = settings(max_examples=100, stateful_step_count=40, deadline=None)
