"""A model's own `is_ready`, in time that is set by hand."""

import pytest
from process_fakes import FakeSession, HandTime

from triton_lite.engine.model_processes.readiness import Readiness
from triton_lite.engine.model_processes.session import not_healthy


@pytest.fixture
def time():
    return HandTime()


@pytest.fixture
def session():
    return FakeSession(None, 1)


@pytest.fixture
def readiness(time, session):
    return Readiness(time, "m_0", session.ask_aside)


def check(readiness):
    answers = []
    readiness.check(lambda error: answers.append(error and error.text))
    return answers


def reply(session, **answer):
    session.aside[-1][1]({"op": "answer", "value": False, "error": None, **answer})


def test_a_model_without_the_method_is_not_asked(time):
    assert check(Readiness(time, "m_0", None)) == [None]


def test_answers(readiness, session):
    for answer, text in (
        ({"value": True}, None),
        ({"value": False}, "Model 'm_0' is not ready (user-defined check failed)."),
        ({"error": "ValueError: no"}, "ValueError: no"),
        ({"value": 1}, "Model 'm_0' is not ready (user-defined check failed)."),
    ):
        answers = check(readiness)
        assert answers == []
        reply(session, **answer)
        assert answers == [text]
    assert len(session.aside) == 4


def test_one_question_answers_all_who_wait(readiness, session, time):
    first, second = check(readiness), check(readiness)
    assert len(session.aside) == 1
    reply(session, value=True)
    assert (first, second) == ([None], [None])
    time.advance(10)
    assert (first, second) == ([None], [None])
    check(readiness)
    assert len(session.aside) == 2


def test_who_waits_too_long_is_told_so_and_the_next_takes_over_the_question(readiness, session, time):
    first = check(readiness)
    time.advance(5)
    assert first == ["Timed out waiting for user-defined is_ready() response"]
    second, third = check(readiness), None
    time.advance(3)
    third = check(readiness)
    time.advance(2)
    assert second == ["Timed out waiting for in-flight is_ready() response"]
    assert len(session.aside) == 1
    reply(session, value=True)
    assert third == [None]


def test_a_process_that_dies_is_not_healthy(readiness, session):
    answers = check(readiness)
    session.aside[-1][1](not_healthy("m_0"))
    assert answers == ["Stub process 'm_0' is not healthy."]
