import os
import threading

import pytest

from triton_lite.engine.model_processes.reactor import Reactor
from triton_lite.errors import TritonError


@pytest.fixture
def reactor():
    made = Reactor()
    yield made
    made.stop()


def test_it_starts_with_its_first_call():
    before = threading.active_count()
    reactor = Reactor()
    assert threading.active_count() == before
    assert reactor.run(lambda: threading.current_thread().name) == "model-processes"
    reactor.stop()
    assert threading.active_count() == before


def test_what_is_called_after_the_end_is_refused(reactor):
    reactor.run(lambda: None)
    reactor.stop()
    assert not reactor.call_soon(lambda: None)
    with pytest.raises(TritonError, match="Server exiting"):
        reactor.run(lambda: None)
    reactor.stop()


def test_errors_reach_who_waits_and_end_nothing(reactor):
    with pytest.raises(ZeroDivisionError):
        reactor.run(lambda: 1 / 0)
    reactor.call_soon(lambda: 1 / 0)
    reactor.run(lambda: reactor.call_later(0, lambda: 1 / 0))
    assert reactor.run(lambda: 2) == 2


def test_timers_come_in_order_unless_cancelled(reactor):
    fired, done = [], threading.Event()

    def begin():
        reactor.call_later(0.02, done.set)
        reactor.call_later(0.01, lambda: fired.append(2))
        cancelled = reactor.call_later(0.005, lambda: fired.append("cancelled"))
        reactor.call_later(0, lambda: fired.append(1))
        cancelled.cancel()

    reactor.run(begin)
    assert done.wait(30)
    assert fired == [1, 2]


def test_descriptors_are_watched_until_they_are_forgotten(reactor):
    readable, writable = os.pipe()
    got, both = [], threading.Semaphore(0)

    def read():
        got.append(os.read(readable, 1))
        both.release()

    reactor.run(lambda: reactor.watch(readable, read))
    for letter in (b"a", b"b"):
        os.write(writable, letter)
        assert both.acquire(timeout=30)
    reactor.run(lambda: reactor.forget(readable))
    os.write(writable, b"c")
    reactor.run(lambda: None)
    assert got == [b"a", b"b"]
    reactor.run(lambda: reactor.forget(readable))
    os.close(readable)
    os.close(writable)
