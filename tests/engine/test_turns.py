"""Turns at models, and who would wait for whom for ever."""

import threading

import pytest

from triton_lite.engine.turns import Turns
from triton_lite.errors import TritonError


@pytest.fixture
def turns():
    return Turns()


def take(turns, *keys, within=None):
    return turns.take(lambda: (keys, set(keys)), lambda found: found, within)


def waiting(turns, *keys, within=None):
    """Begin to wait for a turn in another thread; returns the thread and an event that is set when it has it."""
    looked, taken = threading.Event(), threading.Event()

    def run():
        def look():
            looked.set()
            return keys, set(keys)

        with turns.take(look, lambda found: found, within):
            taken.set()

    thread = threading.Thread(target=run)
    thread.start()
    looked.wait()
    with turns.free:  # It sleeps now, or has its turn.
        pass
    return thread, taken


def test_unrelated_models_have_turns_at_the_same_time(turns):
    with take(turns, "a") as found, take(turns, "b", "c"):
        assert found == ("a",)


def test_related_ones_have_them_in_turn(turns):
    with take(turns, "a", "b"):
        thread, taken = waiting(turns, "b", "c")
        assert not taken.is_set()
    thread.join()
    assert taken.is_set()


def test_a_turn_that_fails_is_over(turns):
    with pytest.raises(ValueError), take(turns, "a"):
        raise ValueError
    with take(turns, "a"):
        pass


def test_a_model_may_have_turns_at_others_while_it_is_loaded(turns):
    with take(turns, "a"), take(turns, "b", within="a"), take(turns, "c", within="b"):
        pass


def test_a_model_may_wait_for_a_turn_that_does_not_wait_for_it(turns):
    with take(turns, "a"):
        with take(turns, "b"):
            thread, taken = waiting(turns, "b", within="a")
            assert not taken.is_set()
        thread.join()
        assert taken.is_set()


@pytest.mark.parametrize("keys", [("a",), ("a", "b"), ("b",)])
def test_nobody_waits_for_the_turn_that_it_is_part_of(turns, keys):
    with (
        take(turns, "a", "b"),
        pytest.raises(TritonError, match="cannot be waited for"),
        take(turns, *keys, within="a"),
    ):
        pass


def test_nobody_waits_for_a_turn_that_waits_for_it(turns):
    refused = pytest.raises(TritonError, match="together with 'b'")
    # While it is loaded, a loads b, which loads a.
    with take(turns, "a"), take(turns, "b", within="a"), refused, take(turns, "a", within="b"):
        pass


def test_circles_of_those_who_wait_are_refused(turns):
    with take(turns, "a"):
        with take(turns, "b"):
            thread, taken = waiting(turns, "b", within="a")
            with pytest.raises(TritonError, match="cannot be waited for"), take(turns, "a", within="b"):
                pass
            assert not taken.is_set()
        thread.join()
    with take(turns, "a", "b"):
        pass
