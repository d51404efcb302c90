"""The dynamic batcher with its threads: random requests, batches that end in any order, limits, timeouts and
cancellation, against the same plain model of the rules."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from batch_model import Config, Model, Policy, configs, policies
from driver import OK, Answer, Driver, Run, driver
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

# The first of them may have to build the program.
pytestmark = pytest.mark.timeout(1300)

# Never within a test, and soon: microseconds.
NEVER = 3_600_000_000
SOON = 1
WELL_AFTER = 10

EXPIRED = Answer(14, "Request timeout expired")
CANCELLED = Answer(1, "")


@dataclass
class Started:
    run: Run
    ended: bool = False


class BatchScheduling(RuleBasedStateMachine):
    program: Driver

    @initialize(
        config=configs(policies([0, NEVER], st.just(True)), [0, 0, NEVER]),
        instances=st.integers(1, 3),
        preserve=st.booleans(),
        away=st.booleans(),
    )
    def make(self, config: Config, instances: int, preserve: bool, away: bool) -> None:
        self.preserve = preserve and config.levels <= 1
        self.config = config
        self.model = Model(config)
        self.instances = instances
        self.now = 0
        self.count = 0
        self.started: list[Started] = []  # Those whose answers have not left.
        self.expected: dict[str, Answer] = {}  # Of everything that has ended.
        self.program.make(instances=instances, away=int(away), preserve=self.preserve, **config.fields())

    def idle(self) -> int:
        return self.instances - sum(not one.ended for one in self.started)

    def expect(self, name: str, answer: Answer) -> None:
        assert self.program.answer(name) == answer
        assert name not in self.expected
        self.expected[name] = answer

    def settle(self) -> None:
        """Everything that idle instances take by the rules, they take; what is rejected is answered."""
        for name in self.model.expire(self.now):
            self.expect(name, EXPIRED)
        batches: list[tuple[str, ...]] = []
        while self.idle() > len(batches):
            _, cancelled, batch, _ = self.model.take(self.now)
            for name in cancelled:
                self.expect(name, CANCELLED)
            if not batch:
                break
            batches.append(tuple(batch))
        # Taken in that order, but which thread shows its batch first nobody can say.
        runs = {run.requests: run for run in (self.program.run() for _ in batches)}
        assert set(runs) == set(batches)
        self.started += [Started(runs[batch]) for batch in batches]

    @rule(size=st.integers(1, 3), shape=st.sampled_from([1, 1, 1, 2]), priority=st.integers(0, 4), soon=st.booleans())
    def enqueue(self, size: int, shape: int, priority: int, soon: bool) -> None:
        size = min(size, self.config.max_batch)
        self.count += 1
        name = f"r{self.count}"
        # Whether an idle instance is quicker than a timeout nobody can say.
        timeout = SOON if soon and self.idle() == 0 else 0
        self.program.enqueue(name, batch=size, priority=priority, timeout=timeout, input=f"IN:{size},{shape}")
        if not self.model.push(name, self.now, size, shape, priority, timeout):
            self.expect(name, Answer(14, f"[request id: {name}] Exceeds maximum queue size"))
        if timeout:
            self.program.let_pass(WELL_AFTER)
            self.now += 1000 * WELL_AFTER
        self.settle()

    @precondition(lambda self: any(not one.ended for one in self.started))
    @rule(data=st.data(), error=st.sampled_from(["", "broken"]))
    def finish(self, data: st.DataObject, error: str) -> None:
        ended = data.draw(st.sampled_from([one for one in self.started if not one.ended]))
        ended.ended = True
        self.program.finish(ended.run, error)
        answer = Answer(13, error) if error else OK
        self.answers = getattr(self, "answers", {}) | {ended.run.number: answer}
        while self.started and (self.started[0].ended if self.preserve else any(one.ended for one in self.started)):
            first = next(one for one in self.started if one.ended)
            self.started.remove(first)
            for name in first.run.requests:
                self.expect(name, self.answers[first.run.number])
        self.settle()

    @precondition(lambda self: self.model.waiting())
    @rule(data=st.data())
    def cancel(self, data: st.DataObject) -> None:
        one = data.draw(st.sampled_from(self.model.waiting()))
        self.model.remove([one])
        self.program.cancel(one.name)
        self.expect(one.name, CANCELLED)
        self.settle()

    def teardown(self) -> None:
        if hasattr(self, "model"):
            self.program.drain()
            names = self.program.answers()
            assert sorted(names) == sorted(f"r{n}" for n in range(1, self.count + 1)), "each is answered once"
            if self.preserve:
                answered = [name for name in names if name in {n for one in self.started for n in one.run.requests}]
                assert answered == [name for one in self.started for name in one.run.requests]
            assert self.program.pending() == 0


@pytest.fixture(scope="module", autouse=True)
def program() -> Iterator[Driver]:
    with driver("schedule_batch_driver") as started:
        BatchScheduling.program = started
        yield started


TestBatchScheduling = BatchScheduling.TestCase
TestBatchScheduling.settings = settings(max_examples=80, stateful_step_count=40, deadline=None)


def test_a_waiting_batch_is_filled_up_and_then_runs(program: Driver) -> None:
    program.make(dynamic=1, max_batch=8, preferred="4", delay=NEVER)
    for name in ("a", "b", "c"):
        program.enqueue(name)
    assert program.run_count() == 0
    program.enqueue("d")
    assert program.run().requests == ("a", "b", "c", "d")


def test_what_times_out_while_the_instance_is_busy_is_answered_then(program: Driver) -> None:
    program.make(dynamic=1, max_batch=8, policy=Policy(timeout=NEVER, override=True).text())
    program.enqueue("first")
    first = program.run()
    program.enqueue("second", timeout=50)
    program.enqueue("third")
    assert program.answer("second") == EXPIRED
    assert program.pending() == 2
    program.finish(first)
    assert program.run().requests == ("third",)


@pytest.mark.parametrize("delay", [False, True])
def test_who_waits_behind_one_that_times_out_goes_then(program: Driver, delay: bool) -> None:
    program.make(
        dynamic=1, max_batch=8, preferred="2,8", delay=NEVER, policy=Policy(delay, timeout=NEVER, override=True).text()
    )
    program.enqueue("late", timeout=500)
    program.enqueue("pair", batch=2)
    assert program.run().requests == ("pair",)
    if delay:
        assert program.pending() == 2
    else:
        assert program.answer("late") == EXPIRED


def test_draining_waits_for_those_that_time_out(program: Driver) -> None:
    program.make(dynamic=1, max_batch=8, delay=NEVER, policy=Policy(timeout=1000).text())
    program.enqueue("a")
    assert program.answer("a") == EXPIRED
    program.drain()
    assert program.answers() == ["a"]


def test_the_batcher_starts_late_where_the_environment_says_so() -> None:
    with driver("schedule_batch_driver", env={"TRITONSERVER_DELAY_SCHEDULER": "3"}) as program:
        program.make(dynamic=1, max_batch=8, policy=Policy(timeout=SOON).text(), instances=2)
        program.enqueue("a")
        program.enqueue("b")
        program.let_pass(WELL_AFTER)
        assert program.answers() == []  # Nobody looks at the clock before the batcher starts.
        program.enqueue("c")
        assert program.answer("a") == EXPIRED
        assert program.answer("b") == EXPIRED
        program.make(max_batch=8)
        program.enqueue("d")  # Only batchers wait.
        assert program.run().requests == ("d",)


def test_what_waits_for_the_late_start_is_run_when_drained() -> None:
    with driver("schedule_batch_driver", env={"TRITONSERVER_DELAY_SCHEDULER": "3"}) as program:
        program.make(dynamic=1, max_batch=8)
        program.enqueue("a")
        program.drain()
        assert program.answers() == ["a"]
