"""Jobs that load threads do."""

import threading
from concurrent.futures import CancelledError

import pytest

from triton_lite.engine.load_threads import LoadThreads


@pytest.fixture
def threads():
    threads = LoadThreads(3, "load")
    yield threads
    threads.close()


def test_all_jobs_are_done(threads):
    done = []
    jobs = threads.begin()
    for number in range(100):
        jobs.add(lambda number=number: done.append(number))
    jobs.wait()
    assert sorted(done) == list(range(100))


def test_as_many_at_the_same_time_as_there_are_threads(threads):
    together = threading.Barrier(3)
    jobs = threads.begin()
    for _ in range(3):
        jobs.add(lambda: together.wait(60))
    jobs.wait()


def test_jobs_that_jobs_add_are_waited_for(threads):
    done = []
    jobs = threads.begin()

    def grow(left):
        done.append(left)
        for _ in range(2 if left else 0):
            jobs.add(lambda: grow(left - 1))

    jobs.add(lambda: grow(5))
    jobs.wait()
    assert len(done) == 2**6 - 1


def test_a_job_that_fails_holds_no_other_up(threads):
    done = []
    jobs = threads.begin()

    def fail():
        raise ValueError("seven")

    for number in range(20):
        jobs.add(fail if number in (0, 7, 13) else lambda number=number: done.append(number))
    with pytest.raises(ValueError, match="seven"):
        jobs.wait()
    assert len(done) == 17


def test_what_was_not_begun_is_dropped_at_the_end():
    threads = LoadThreads(1, "load")
    begun, may_end, done = threading.Event(), threading.Event(), []
    jobs = threads.begin()

    def first():
        begun.set()
        may_end.wait(60)
        done.append("first")

    jobs.add(first)
    jobs.add(lambda: done.append("second"))
    begun.wait(60)
    closing = threading.Thread(target=threads.close)
    closing.start()
    while not threads.closed:
        pass
    may_end.set()
    closing.join()
    assert done == ["first"]
    with pytest.raises(CancelledError):
        jobs.wait()
    with pytest.raises(CancelledError):
        jobs.add(lambda: None)
