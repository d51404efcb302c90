"""launch/restarts.py: when what died is started again."""

from __future__ import annotations

from triton_lite.launch.restarts import STABLE_SECONDS, Restarts


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def test_what_served_long_is_started_again_at_once_every_time() -> None:
    clock = Clock()
    restarts = Restarts(clock)
    for _ in range(50):
        restarts.serves()
        clock.now += STABLE_SECONDS
        assert restarts.died() == 0


def test_short_lives_are_followed_by_ever_longer_pauses_and_then_by_none() -> None:
    clock = Clock()
    restarts = Restarts(clock)
    pauses = []
    for _ in range(8):
        restarts.serves()
        clock.now += STABLE_SECONDS / 2
        pauses.append(restarts.died())
    assert pauses == [0, 0.25, 0.5, 1, 2, 4, 8, None]


def test_a_long_life_makes_up_for_short_ones() -> None:
    clock = Clock()
    restarts = Restarts(clock)
    for _ in range(4):
        restarts.serves()
        restarts.died()
    restarts.serves()
    clock.now += STABLE_SECONDS
    assert restarts.died() == 0
    restarts.serves()
    assert restarts.died() == 0


def test_what_never_serves_is_given_up_sooner() -> None:
    restarts = Restarts(Clock())
    restarts.serves()
    assert restarts.died() == 0
    assert [restarts.died() for _ in range(5)] == [0.25, 0.5, 1, 2, None]
