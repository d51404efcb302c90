"""model_process/second_look.py, on a clock of the test's."""

from __future__ import annotations

import os

import pytest
from triton_lite_model import second_look
from triton_lite_model.second_look import LOOK_NS, SecondLook

NOTHING = object()
YIELD_NS = 10_000


class Clock:
    """Time passes when the core is given away."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, cores: int = 2) -> None:
        self.now = 1_000_000_000
        self.yields = 0
        self.yield_ns = YIELD_NS
        monkeypatch.setattr(second_look, "monotonic_ns", lambda: self.now)
        monkeypatch.setattr(os, "sched_yield", self._yield)
        monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(cores)))

    def _yield(self) -> None:
        self.yields += 1
        self.now += self.yield_ns


def after(reads: int, found: object = "message"):
    """A read that finds something after so many in vain."""
    left = reads

    def read() -> object:
        nonlocal left
        left -= 1
        if left >= 0:
            if left % 2:
                return NOTHING
            raise BlockingIOError
        return found

    return read


def misses(look: SecondLook, count: int) -> None:
    for _ in range(count):
        assert look.look(after(1 << 60), NOTHING) is NOTHING


def test_it_finds_what_comes_within_the_time(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock(monkeypatch)
    look = SecondLook()
    assert look.look(after(0), NOTHING) == "message"
    assert clock.yields == 0
    assert look.look(after(5), NOTHING) == "message"
    assert clock.yields == 5


def test_the_end_is_something(monkeypatch: pytest.MonkeyPatch) -> None:
    Clock(monkeypatch)
    assert SecondLook().look(after(2, None), NOTHING) is None


def test_it_gives_up_after_a_moment(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock(monkeypatch)
    start = clock.now
    misses(SecondLook(), 1)
    assert LOOK_NS < clock.now - start <= LOOK_NS + 2 * YIELD_NS


def test_errors_are_not_hidden(monkeypatch: pytest.MonkeyPatch) -> None:
    Clock(monkeypatch)

    def broken() -> object:
        raise ConnectionResetError

    with pytest.raises(ConnectionResetError):
        SecondLook().look(broken, NOTHING)


def test_it_rests_for_longer_and_longer_while_it_does_not_pay(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock(monkeypatch)
    look = SecondLook()
    misses(look, 4)
    rests = []
    for _ in range(12):
        start = clock.now
        while True:
            yields = clock.yields
            misses(look, 1)
            if clock.yields > yields:
                break
            clock.now += 10_000
        rests.append(clock.now - start)
    assert rests == sorted(rests)
    assert rests[0] < 500_000
    assert 20_000_000 < rests[-1] < 21_000_000


def test_what_pays_again_is_trusted_again(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock(monkeypatch)
    look = SecondLook()
    misses(look, 4)
    clock.now += 30_000_000
    for _ in range(100):
        assert look.look(after(3), NOTHING) == "message"
    misses(look, 3)
    yields = clock.yields
    assert look.look(after(3), NOTHING) == "message"
    assert clock.yields == yields + 3


def test_a_core_that_others_want_is_left_to_them(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock(monkeypatch)
    look = SecondLook()
    clock.yield_ns = 4_000_000
    misses(look, 1)
    assert clock.yields == 1
    misses(look, 1)
    assert clock.yields == 1
    clock.now += 1_000_000
    assert look.look(after(1), NOTHING) == "message"  # But it took as long.
    assert clock.yields == 2
    misses(look, 1)
    assert clock.yields == 2


def test_there_is_nothing_to_look_for_on_one_core(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock(monkeypatch, cores=1)
    assert SecondLook().look(after(0), NOTHING) is NOTHING
    assert clock.yields == 0
