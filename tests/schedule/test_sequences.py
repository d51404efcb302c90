"""The sequence batcher against a plain model of its rules, and its texts, timeouts and signals one by one."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from driver import OK, Answer, Driver, Run, driver
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from sequence_model import END, NO_ID, NO_START, START, Request, SequenceModel

BOTH = START | END


@pytest.fixture(scope="module")
def sequences() -> Iterator[Driver]:
    with driver("schedule_sequence_driver") as started:
        yield started


class AgainstTheModel(RuleBasedStateMachine):
    """Random arrivals, cancellations and ends of batches: both always agree on every batch and every answer."""

    native: Driver

    @initialize(
        instances=st.integers(1, 3),
        max_batch=st.integers(0, 3),
        oldest=st.booleans(),
        candidates=st.integers(1, 4),
        limit=st.integers(0, 2),
        away=st.booleans(),
    )
    def make(self, instances: int, max_batch: int, oldest: bool, candidates: int, limit: int, away: bool) -> None:
        """limit: so many instances may run at once; 0 for all."""
        slots = candidates if oldest else max(1, max_batch)
        options = {"candidates": candidates} if oldest else {}
        options |= {"limit": limit} if limit else {}
        self.limit = limit
        self.native.make(instances=instances, away=int(away), max_batch=max_batch, **options)
        self.model = SequenceModel(instances, slots, max_batch, oldest)
        self.requests: dict[str, Request] = {}
        self.runs: dict[int, Run] = {}
        self.executed: set[str] = set()
        self.native_runs = 0  # That have ended.

    def start_batches(self) -> None:
        if self.limit:
            self.start_batches_in_turn()
            return
        for instance in range(len(self.model.running)):
            expected = self.model.next_batch(instance)
            if expected is not None:
                run = self.native.run()
                assert (run.instance, list(run.requests)) == (instance, expected)
                self.runs[instance] = run
                self.executed |= {shown.split("/")[0] for shown in expected if shown != "-"}

    def start_batches_in_turn(self) -> None:
        """Whose turn it is depends on who came first to ask; nobody runs without one."""
        instances = range(len(self.model.running))
        while len(self.runs) < self.limit:
            working = [instance for instance in instances if self.model.has_work(instance)]
            if not working:
                break
            run = self.native.run()
            assert run.instance in working
            assert list(run.requests) == self.model.next_batch(run.instance)
            self.runs[run.instance] = run
        assert self.native.run_count() == self.native_runs + len(self.runs)

    @rule(sequence=st.integers(0, 6), flags=st.sampled_from([0, 0, START, START, END, BOTH]))
    def enqueue(self, sequence: int, flags: int) -> None:
        request = Request(f"r{len(self.requests)}", sequence, flags)
        self.requests[request.name] = request
        self.model.enqueue(request)
        self.native.enqueue(request.name, id=sequence, flags=flags)
        self.start_batches()

    @precondition(lambda self: self.runs)
    @rule(data=st.data())
    def finish(self, data: st.DataObject) -> None:
        instance = data.draw(st.sampled_from(sorted(self.runs)))
        self.native.finish(self.runs.pop(instance))
        self.native_runs += 1
        self.model.finish(instance)
        self.start_batches()

    # What is limited finds out in its turn that a sequence is over.
    @precondition(lambda self: not self.limit and len(self.requests) > len(self.executed) + len(self.model.refused))
    @rule(data=st.data())
    def cancel(self, data: st.DataObject) -> None:
        waiting = set(self.requests) - self.executed - set(self.model.refused)
        name = data.draw(st.sampled_from(sorted(waiting)))
        self.model.cancel(self.requests[name])
        self.native.cancel(name)

    @invariant()
    def the_same_are_refused(self) -> None:
        if hasattr(self, "model"):
            for name, (code, text) in self.model.refused.items():
                assert self.native.answer(name) == Answer(code, text)

    def teardown(self) -> None:
        if hasattr(self, "model"):
            self.native.drain()
            assert self.native.pending() == 0
            assert sorted(self.native.answers()) == sorted(self.requests)


def test_against_the_model(sequences: Driver) -> None:
    machine = type("Machine", (AgainstTheModel,), {"native": sequences})
    machine.TestCase.settings = settings(  # type: ignore[attr-defined]
        max_examples=120, stateful_step_count=40, deadline=None, suppress_health_check=list(HealthCheck)
    )
    machine.TestCase().runTest()  # type: ignore[attr-defined]


def run_all(sequences: Driver, *expected: str) -> None:
    for requests in expected:
        run = sequences.run()
        assert " ".join(run.requests) == requests
        sequences.finish(run)


def test_texts(sequences: Driver) -> None:
    sequences.make(max_batch=2)
    sequences.enqueue("a", flags=START)
    sequences.enqueue("b", id="text", flags=END)
    sequences.enqueue("c", id=5, flags=START, batch=2)
    assert sequences.answer("a") == Answer(3, NO_ID)
    assert sequences.answer("b") == Answer(3, NO_START.format("text"))
    assert sequences.answer("c") == Answer(
        3, "inference request to model 'model' must specify batch-size 1 due to requirements of sequence batcher"
    )
    assert sequences.pending() == 0


@pytest.mark.parametrize(("datatype", "identifier"), [(5, 7), (9, 7), (4, 7), (8, 7), (13, "call-7")])
def test_correlation_ids_of_every_type(sequences: Driver, datatype: int, identifier: int | str) -> None:
    sequences.make(max_batch=2, corrid=datatype)
    sequences.enqueue("a", id=identifier, flags=START)
    run_all(sequences, f"a/1,0,1,{identifier}")
    sequences.enqueue("b", id=identifier)
    run_all(sequences, f"b/0,0,1,{identifier}")
    sequences.enqueue("c", id=identifier, flags=END)
    run_all(sequences, f"c/0,1,1,{identifier}")


def test_a_silent_sequence_ends_and_lets_the_next_one_in(sequences: Driver) -> None:
    sequences.make(idle=20_000)
    sequences.enqueue("a", id=1, flags=START)
    sequences.enqueue("b", id=2, flags=BOTH)
    run_all(sequences, "a/1,0,1", "b/1,1,1")
    sequences.enqueue("c", id=1)
    assert sequences.answer("c") == Answer(3, NO_START.format(1))


def test_a_sequence_that_is_heard_of_stays(sequences: Driver) -> None:
    sequences.make(idle=10_000_000)
    for name, flags in (("a", START), ("b", 0), ("c", END)):
        sequences.enqueue(name, id=1, flags=flags)
        run_all(sequences, f"{name}/{flags & 1},{flags // 2},1")
    assert sequences.answer("c") == OK


def test_a_backlog_that_times_out_is_refused_whole(sequences: Driver) -> None:
    sequences.make()
    sequences.enqueue("a", id=1, flags=START)
    run = sequences.run()
    sequences.enqueue("b", id=2, flags=START)
    sequences.enqueue("c", id=2, timeout=5_000)
    expired = Answer(14, "timeout of the corresponding sequence has been expired")
    assert sequences.answer("b") == sequences.answer("c") == expired
    sequences.enqueue("d", id=2)
    assert sequences.answer("d") == Answer(3, NO_START.format(2))
    sequences.finish(run)
    assert sequences.answer("a") == OK


def test_waits_for_slots_to_be_used_or_for_the_delay(sequences: Driver) -> None:
    sequences.make(max_batch=4, delay=1 << 40, utilization=50)
    sequences.enqueue("a", id=1, flags=START)
    assert sequences.run_count() == 0
    sequences.enqueue("b", id=2, flags=START)
    run_all(sequences, "a/1,0,1 b/1,0,1")
    sequences.make(max_batch=4, delay=2_000, utilization=100)
    sequences.enqueue("a", id=1, flags=START)
    run_all(sequences, "a/1,0,1")


def test_requests_of_other_shapes_wait_for_a_batch_of_their_own(sequences: Driver) -> None:
    sequences.make(max_batch=2, input="x:-1", hold="2,0")
    sequences.enqueue("a", id=1, flags=START, input="x:1,1")
    sequences.enqueue("b", id=2, flags=START, input="x:1,2")
    run_all(sequences, "a/1,0,1 -", "- b/1,0,1")


def test_oldest_waits_for_a_preferred_size(sequences: Driver) -> None:
    sequences.make(max_batch=4, candidates=4, preferred=2, delay=1 << 40)
    sequences.enqueue("a", id=1, flags=START)
    sequences.enqueue("b", id=1)
    assert sequences.run_count() == 0
    sequences.enqueue("c", id=2, flags=BOTH)
    run_all(sequences, "a/1,0,1 c/1,1,1")
    sequences.drain()
    assert sequences.answer("b") == OK


@pytest.mark.parametrize("strategy", [{"candidates": 4, "preferred": 2}, {"utilization": 100}], ids=str)
def test_a_limited_model_waits_for_its_batch_to_grow(sequences: Driver, strategy: dict[str, int]) -> None:
    """It stands in line when the delay is over, without anybody coming."""
    sequences.make(max_batch=2, delay=300_000, limit=1, **strategy)
    sequences.enqueue("a", id=1, flags=START)
    run_all(sequences, "a/1,0,1")
    sequences.enqueue("b", id=1)
    sequences.enqueue("c", id=2, flags=START)
    run_all(sequences, "b/0,0,1 c/1,0,1")


def test_a_cancelled_sequence_is_answered_while_others_run(sequences: Driver) -> None:
    """Its turn comes with the end of another sequence, whose request waits for the batch that runs."""
    sequences.make(max_batch=2, candidates=2)
    sequences.enqueue("b0", id=2, flags=START)
    run_all(sequences, "b0/1,0,1")
    sequences.enqueue("a0", id=1, flags=START)
    running = sequences.run()
    sequences.enqueue("c0", id=3, flags=START)
    sequences.cancel("c0")
    sequences.enqueue("b1", id=2, flags=END)
    assert sequences.answer("c0") == Answer(1, "")
    sequences.finish(running)
    run_all(sequences, "b1/0,1,1")


@pytest.mark.parametrize("strategy", [{"candidates": 1}, {}], ids=["oldest", "direct"])
def test_cancelled_requests_are_answered_at_once_and_end_their_sequences_in_their_turn(
    sequences: Driver, strategy: dict[str, int]
) -> None:
    sequences.make(max_batch=1, **strategy)
    sequences.enqueue("a0", id=1, flags=START)
    running = sequences.run()
    sequences.enqueue("a1", id=1)
    sequences.enqueue("a2", id=1)
    sequences.enqueue("a3", id=1)
    sequences.enqueue("b0", id=2, flags=START)
    sequences.enqueue("b1", id=2)
    for name in ("a3", "a2", "b0"):
        sequences.cancel(name)
    assert sequences.answers() == ["a3", "a2", "b0"]
    sequences.enqueue("a4", id=1, flags=END)
    sequences.enqueue("b2", id=2)  # Its sequence has not had its turn.
    sequences.enqueue("c0", id=3, flags=BOTH)
    assert sequences.pending() == 6
    sequences.finish(running)
    run_all(sequences, "a1/0,0,1", "c0/1,1,1")
    assert sequences.answer("c0") == OK
    assert [sequences.answer(name).code for name in ("a2", "a3", "a4", "b0", "b1", "b2")] == [1] * 6
    sequences.enqueue("b3", id=2)
    assert sequences.answer("b3") == Answer(3, NO_START.format(2))


@pytest.mark.parametrize("strategy", [{"candidates": 2}, {}], ids=["oldest", "direct"])
def test_a_cancelled_start_in_a_slot(sequences: Driver, strategy: dict[str, int]) -> None:
    """Direct: the sequence ends in its turn. Oldest: it has had its turn, and goes on."""
    sequences.make(max_batch=2, **strategy)
    sequences.enqueue("a0", id=1, flags=START)
    running = sequences.run()
    sequences.enqueue("b0", id=2, flags=START)
    sequences.enqueue("b1", id=2)
    sequences.cancel("b0")
    assert sequences.answer("b0") == Answer(1, "")
    sequences.finish(running)
    if strategy:
        run_all(sequences, "b1/0,0,1")
    assert sequences.answer("b1") == (OK if strategy else Answer(1, ""))
    sequences.enqueue("b2", id=2, flags=END)
    if strategy:
        run_all(sequences, "b2/0,1,1")
    else:
        assert sequences.answer("b2") == Answer(3, NO_START.format(2))


def test_a_backlog_whose_requests_were_cancelled_times_out(sequences: Driver) -> None:
    sequences.make()
    sequences.enqueue("a", id=1, flags=START)
    run = sequences.run()
    sequences.enqueue("b", id=2, flags=START, timeout=200_000)
    sequences.enqueue("c", id=2)
    sequences.cancel("b")
    assert sequences.answer("b") == Answer(1, "")
    assert sequences.answer("c") == Answer(14, "timeout of the corresponding sequence has been expired")
    sequences.enqueue("d", id=2)
    assert sequences.answer("d") == Answer(3, NO_START.format(2))
    sequences.finish(run)


def test_holds_back_for_tests(sequences: Driver) -> None:
    sequences.make(hold="2,1")
    for name, identifier in (("a", 1), ("b", 1), ("c", 2)):
        assert sequences.run_count() == 0
        sequences.enqueue(name, id=identifier, flags=START)
    run_all(sequences, "a/1,0,1", "b/1,0,1")


def test_iterative_sequences_need_no_id_and_end_with_their_request(sequences: Driver) -> None:
    sequences.make(iterative=1)
    sequences.enqueue("a")
    sequences.enqueue("b")
    run_all(sequences, "a/1,0,1", "b/1,0,1")
    assert sequences.answer("b") == OK


def test_draining_serves_the_backlog_of_sequences_that_say_nothing_more(sequences: Driver) -> None:
    sequences.make()
    sequences.enqueue("a", id=1, flags=START)
    sequences.enqueue("b", id=2, flags=START)
    sequences.enqueue("c", id=2)
    sequences.drain()
    assert sequences.answers() == ["a", "b", "c"]
    sequences.enqueue("d", id=3, flags=START)
    text = "Server is stopping, scheduler for model has stopped accepting new inference requests"
    assert sequences.answer("d") == Answer(14, text)
    sequences.enqueue("e", id=2)
    assert sequences.answer("e") == Answer(14, text)
