"""The dynamic batcher's queue and what forms a batch, under a clock of the test's own: random arrivals against a plain
model of the rules."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from batch_model import Config, Model, configs, policies
from driver import Driver, driver
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

# The first of them may have to build the program.
pytestmark = pytest.mark.timeout(1300)


class BatchQueue(RuleBasedStateMachine):
    program: Driver

    @initialize(config=configs(policies([0, 0, 5, 20], st.booleans()), [0, 0, 10, 1000]))
    def make(self, config: Config) -> None:
        self.model = Model(config)
        self.now = 1_000_000
        self.count = 0
        self.program.make(**config.fields())

    @rule(
        size=st.integers(1, 3),
        shape=st.sampled_from([1, 1, 1, 2]),
        priority=st.integers(0, 4),
        timeout=st.sampled_from([0, 3, 10, 50]),
    )
    def push(self, size: int, shape: int, priority: int, timeout: int) -> None:
        size = min(size, self.model.config.max_batch)
        self.count += 1
        name = f"r{self.count}"
        reply = self.program.command(
            "push",
            name,
            at=self.now,
            batch=size,
            priority=priority,
            timeout=timeout,
            input=f"IN:{size},{shape}",
        )
        taken = self.model.push(name, self.now, size, shape, priority, timeout)
        assert reply == ("ok" if taken else "full")

    @rule(nanoseconds=st.sampled_from([1, 999, 2000, 3000, 5000, 9999, 20_000]))
    def wait(self, nanoseconds: int) -> None:
        self.now += nanoseconds

    @rule(data=st.data())
    def cancel(self, data: st.DataObject) -> None:
        waiting = self.model.waiting()
        if waiting:
            one = data.draw(st.sampled_from(waiting))
            one.cancelled = True
            self.program.command("cancel", one.name)

    @rule()
    def take(self) -> None:
        words = self.program.command("take", at=self.now).split(" ")
        marks = [words.index(mark) for mark in ("rejected", "cancelled", "batch", "again", "left", "next")]
        parts = [words[begin + 1 : end] for begin, end in zip(marks, [*marks[1:], len(words)], strict=True)]
        rejected, cancelled, batch, again = self.model.take(self.now)
        assert set(parts[0]) == rejected
        assert set(parts[1]) == cancelled
        assert parts[2] == batch
        assert parts[3] == [str(again)]
        left = self.model.waiting()
        assert parts[4] == [str(len(left)), str(sum(one.size for one in left))]
        pending = [
            one.expires
            for level, queue in self.model.levels.items()
            for one in queue
            if one.expires is not None and not self.model.config.policy(level).delay
        ]
        assert parts[5] == [str(min(pending, default=0))]

    @invariant()
    def nothing_waits_twice(self) -> None:
        if hasattr(self, "model"):
            names = [one.name for one in self.model.waiting()]
            assert len(names) == len(set(names))


@pytest.fixture(scope="module", autouse=True)
def _program() -> Iterator[None]:
    with driver("schedule_batch_queue_driver") as started:
        BatchQueue.program = started
        yield


TestBatchQueue = BatchQueue.TestCase
TestBatchQueue.settings = settings(max_examples=80, stateful_step_count=40, deadline=None)
