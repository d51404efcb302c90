"""The driver itself, on the default scheduler and the dynamic batcher."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from driver import OK, Answer, Driver, DriverError, driver

# The first of them may have to build the program.
pytestmark = pytest.mark.timeout(1300)


@pytest.fixture(scope="module")
def batcher() -> Iterator[Driver]:
    with driver("schedule_batch_driver") as started:
        yield started


def test_shows_what_an_instance_runs_and_who_is_answered(batcher: Driver) -> None:
    batcher.make(max_batch=4, dynamic=1)
    batcher.enqueue("first")
    first = batcher.run()
    assert (first.instance, first.requests) == (0, ("first",))
    for name in ("a", "b", "c"):
        batcher.enqueue(name, batch=2)
    assert batcher.pending() == 4
    assert batcher.answers() == []
    batcher.finish(first)
    assert batcher.answer("first") == OK
    second = batcher.run()
    assert second.requests == ("a", "b")
    batcher.finish(second, "broken")
    assert batcher.answer("b") == Answer(13, "broken")
    assert batcher.run().requests == ("c",)
    batcher.drain()
    assert batcher.answers() == ["first", "a", "b", "c"]
    assert batcher.pending() == 0


def test_drops_what_was_cancelled(batcher: Driver) -> None:
    batcher.make(max_batch=4)
    batcher.enqueue("first")
    first = batcher.run()
    batcher.enqueue("second")
    batcher.cancel("second")
    batcher.finish(first)
    assert batcher.answer("second") == Answer(1, "")
    assert batcher.run_count() == 1


def test_says_what_it_does_not_know(batcher: Driver) -> None:
    batcher.make()
    with pytest.raises(DriverError, match="no such batch"):
        batcher.finish(3)
    with pytest.raises(DriverError, match="no command jump"):
        batcher.command("jump")
