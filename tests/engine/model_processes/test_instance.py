"""What becomes of an instance when its process dies, hangs or fails, in time that is set by hand."""

from concurrent.futures import Future

import pytest
from process_fakes import FakeLink, FakeSession, HandTime

from triton_lite.engine.model_processes.instance import ModelInstance, State
from triton_lite.engine.model_processes.settings import PythonSettings
from triton_lite.errors import Code, TritonError

INITIALIZED = {"op": "initialized", "has_is_ready": False}
FAILURE = TritonError(Code.INTERNAL, "ValueError: no")


class Case:
    """An instance and what it was given."""

    def __init__(self):
        self.time = HandTime()
        self.link = FakeLink()
        self.sessions = []
        self.cannot_start = False
        settings = PythonSettings(initialize_seconds=60, finalize_seconds=5)
        self.instance = ModelInstance(self.time, "m_0", self.link, settings, self._open, self._initialize)
        self.first = Future()
        self.stopped = Future()

    def _open(self, on_death):
        if self.cannot_start:
            raise TritonError(Code.INTERNAL, "no Python")
        self.sessions.append(FakeSession(on_death, len(self.sessions) + 1))
        return self.sessions[-1]

    def _initialize(self, pid):
        return {"op": "initialize", "pid": pid}

    @property
    def session(self):
        return self.sessions[-1]

    def start(self):
        self.instance.start(self.first)
        return self

    def ready(self):
        self.start()
        self.session.answer(INITIALIZED)
        assert self.first.result(0) is None
        return self

    def readiness(self):
        answers = []
        self.instance.check_ready(answers.append)
        (error,) = answers
        return error and error.text


@pytest.fixture
def case():
    return Case()


def test_an_initialized_process_is_given_to_the_data_plane(case):
    case.start()
    assert case.session.asked[0][:2] == ({"op": "initialize", "pid": 1}, 60)
    assert case.readiness() == "Stub process 'm_0' is not healthy."
    assert not case.first.done()
    case.session.answer(INITIALIZED)
    assert case.first.result(0) is None
    assert case.link.attached == [(10, 11, 1)]
    assert case.readiness() is None


def test_a_death_is_told_at_once_and_made_up_for_later(case):
    case.ready()
    case.session.die()
    assert case.link.detached == 1
    assert case.readiness() == "Stub process 'm_0' is not healthy."
    case.time.advance(0.09)
    assert len(case.sessions) == 1
    case.time.advance(0.02)
    assert len(case.sessions) == 2
    assert case.readiness() == "Stub process 'm_0' is not healthy."
    case.session.answer(INITIALIZED)
    assert case.link.attached == [(10, 11, 1), (20, 21, 2)]
    assert case.readiness() is None


def test_a_process_that_nobody_asks_for_stays_down_for_a_while(case):
    case.ready()
    case.link.wanted = False
    case.session.die()
    case.time.advance(2.98)
    assert len(case.sessions) == 1
    assert case.readiness() == "Stub process 'm_0' is not healthy."
    case.time.advance(0.03)
    assert len(case.sessions) == 2
    case.session.answer(INITIALIZED)
    assert case.readiness() is None


def test_a_process_that_is_asked_for_meanwhile_is_started_at_once(case):
    case.ready()
    case.link.wanted = False
    case.session.die()
    case.time.advance(1)
    assert len(case.sessions) == 1
    case.link.wanted = True
    case.time.advance(0.03)
    assert len(case.sessions) == 2
    # But not before its delay.
    case.session.answer(INITIALIZED)
    case.session.die()
    case.time.advance(0.19)
    assert len(case.sessions) == 2
    case.time.advance(0.02)
    assert len(case.sessions) == 3


def test_stopping_ends_the_wait_for_somebody_who_asks(case):
    case.ready()
    case.link.wanted = False
    case.session.die()
    case.time.advance(0.5)
    case.instance.stop(case.stopped)
    case.time.advance(10)
    assert len(case.sessions) == 1 and case.stopped.done()


def test_processes_that_die_again_and_again_are_started_less_often(case):
    case.ready()
    for delay in (0.1, 0.2, 0.4, 0.8, 1.6, 2.0, 2.0, 2.0):
        case.session.die()
        count = len(case.sessions)
        case.time.advance(delay - 0.01)
        assert len(case.sessions) == count
        case.time.advance(0.02)
        assert len(case.sessions) == count + 1
        case.session.answer(INITIALIZED)
    case.time.advance(61)
    case.session.die()
    case.time.advance(0.11)
    assert len(case.sessions) == 10


def test_a_restart_that_fails_is_tried_again_when_the_process_is_gone(case):
    case.ready()
    case.session.die()
    case.time.advance(0.1)
    case.session.answer(FAILURE)
    assert case.session.killed
    case.time.advance(100)
    assert len(case.sessions) == 2
    case.session.die("exited with status 1")
    assert case.instance.state is State.WAITING
    case.time.advance(0.2)
    assert len(case.sessions) == 3
    case.session.answer(INITIALIZED)
    assert case.readiness() is None
    assert len(case.link.attached) == 2


def test_a_process_that_cannot_be_started_again_is_tried_again(case):
    case.ready()
    case.cannot_start = True
    case.session.die()
    case.time.advance(0.1)
    assert case.instance.state is State.WAITING
    case.cannot_start = False
    case.time.advance(0.2)
    case.session.answer(INITIALIZED)
    assert case.readiness() is None


def test_requests_wait_for_a_process_that_comes_soon_only(case):
    case.ready()
    for deaths in range(1, 8):  # Never later than two seconds.
        case.session.die()
        case.time.advance(2.1)
        assert len(case.sessions) == deaths + 1
        case.session.answer(INITIALIZED)
    assert case.link.given_up == 0
    case.session.die()
    case.time.advance(2.1)
    case.session.answer(FAILURE)
    case.session.die("exited with status 1")
    assert case.link.given_up == 1


def test_requests_do_not_wait_for_the_process_of_a_model_that_goes(case):
    case.ready()
    case.session.die()
    case.instance.stop(case.stopped)
    assert case.link.given_up == 1


def test_a_failed_start_is_final(case):
    case.start()
    case.session.answer(FAILURE)
    assert case.first.exception(0) is FAILURE
    assert case.session.killed
    case.session.die("exited with status 1")
    case.time.advance(1000)
    assert len(case.sessions) == 1
    assert case.instance.state is State.GONE
    assert case.link.attached == []
    case.instance.stop(case.stopped)
    assert case.stopped.result(0) is None


def test_a_process_that_cannot_be_started_at_all(case):
    case.cannot_start = True
    case.start()
    assert case.first.exception(0).text == "no Python"
    case.instance.stop(case.stopped)
    assert case.stopped.result(0) is None


def test_stopping_finalizes_and_waits_for_the_end(case):
    case.ready()
    case.instance.stop(case.stopped)
    assert case.session.asked[-1][:2] == ({"op": "finalize"}, 5)
    case.session.answer({"op": "finalized", "error": None})
    assert not case.stopped.done()
    case.session.die("exited with status 0")
    assert case.stopped.result(0) is None
    case.time.advance(1000)
    assert len(case.sessions) == 1


def test_threads_of_a_finalized_model_keep_its_process_for_a_moment_only(case):
    case.ready()
    case.instance.stop(case.stopped)
    case.session.answer({"op": "finalized", "error": "RuntimeError: not so well"})
    case.time.advance(1)
    assert case.session.killed


def test_stopping_while_nothing_runs_takes_no_time(case):
    case.ready()
    case.session.die()
    case.instance.stop(case.stopped)
    assert case.stopped.result(0) is None
    case.time.advance(1000)
    assert len(case.sessions) == 1


def test_stopping_a_start_ends_it(case):
    case.start()
    case.instance.stop(case.stopped)
    assert case.session.killed
    assert case.first.exception(0).text == "Stub process 'm_0' is not healthy."
    case.session.die()
    assert case.stopped.result(0) is None


def test_stopping_a_restart_ends_it(case):
    case.ready()
    case.session.die()
    case.time.advance(0.1)
    case.instance.stop(case.stopped)
    assert case.session.killed
    case.session.answer(TritonError(Code.INTERNAL, "Stub process 'm_0' is not healthy."))
    case.session.die()
    assert case.stopped.result(0) is None
    case.time.advance(1000)
    assert len(case.sessions) == 2


def test_a_model_that_goes_meanwhile_is_not_started_again(case):
    case.ready()
    case.session.die()
    case.time.advance(0.1)
    case.link.closed = case.link.refuses = True
    case.session.answer(INITIALIZED)
    assert case.session.killed
    case.session.die()
    case.time.advance(1000)
    assert len(case.sessions) == 2
    case.instance.stop(case.stopped)
    assert case.stopped.result(0) is None


def test_killing_is_final_and_stopping_goes_on(case):
    case.ready()
    case.instance.kill()
    assert case.session.killed
    case.instance.stop(case.stopped)
    case.session.die()
    assert case.link.detached == 1
    assert case.stopped.result(0) is None
    case.time.advance(1000)
    assert len(case.sessions) == 1
