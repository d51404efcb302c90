"""guard/rate.py and guard/rate_table.py: counting the requests of a key, in all processes together."""

from __future__ import annotations

import multiprocessing
import stat
import threading
from pathlib import Path

import pytest

from triton_lite.guard.rate import Rate
from triton_lite.guard.rate_table import RateTable

SECOND = 1_000_000_000


def test_a_burst_and_then_the_rate() -> None:
    rate, due, now = Rate.parse("10/s", "3"), 0, 5 * SECOND
    for _ in range(3):
        due, wait = rate.take(due, now)
        assert wait == 0
    due, wait = rate.take(due, now)
    assert wait == SECOND // 10
    due, wait = rate.take(due, now + wait - 1)
    assert wait == 1  # What had to wait was not counted.
    due, wait = rate.take(due, now + SECOND // 10)
    assert wait == 0


def test_idle_time_earns_no_more_than_the_burst() -> None:
    rate = Rate.parse("1/s", "2")
    due, _ = rate.take(0, SECOND)
    waits = []
    for _ in range(3):
        due, wait = rate.take(due, 1000 * SECOND)
        waits.append(wait)
    assert waits == [0, 0, SECOND]


@pytest.mark.parametrize(("text", "interval", "burst"), [("100/s", SECOND // 100, 100), ("30/m", 2 * SECOND, 1)])
def test_burst_is_a_seconds_worth(text: str, interval: int, burst: int) -> None:
    assert Rate.parse(text) == Rate(interval, burst)


def test_two_processes_share_a_table(tmp_path: Path) -> None:
    path = tmp_path / "table"
    one, other = RateTable(path), RateTable(path)
    rate = Rate.parse("1/m", "2")
    assert one.take("alice", rate, SECOND) == 0
    assert other.take("alice", rate, SECOND) == 0
    assert one.take("alice", rate, SECOND) == other.take("alice", rate, SECOND) == 60
    assert one.take("bob", rate, SECOND) == 0
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def _take_many(path: Path, admitted: multiprocessing.Queue[int]) -> None:
    table = RateTable(path)
    admitted.put(sum(table.take("alice", Rate(3600 * SECOND, 500)) == 0 for _ in range(400)))


def test_no_request_is_counted_twice_or_lost(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    admitted: multiprocessing.Queue[int] = context.Queue()
    processes = [context.Process(target=_take_many, args=(tmp_path / "table", admitted)) for _ in range(3)]
    for process in processes:
        process.start()
    assert sum(admitted.get(timeout=60) for _ in processes) == 500
    for process in processes:
        process.join()


def test_threads_of_a_process(tmp_path: Path) -> None:
    table = RateTable(tmp_path / "table")
    admitted: list[float] = []
    take = lambda: admitted.extend(table.take("alice", Rate(3600 * SECOND, 150)) for _ in range(100))  # noqa: E731
    threads = [threading.Thread(target=take) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert admitted.count(0) == 150


def test_more_keys_than_entries_forget_only_who_may_send_anyway() -> None:
    table = RateTable(None)
    rate = Rate.parse("1/s", "1")
    for number in range(20_000):
        assert table.take(f"old {number}", rate, SECOND + number) == 0
    assert table.take("alice", rate, 60 * SECOND) == 0
    assert table.take("alice", rate, 60 * SECOND) == 1


def test_counts_alone_where_no_file_can_be_made(tmp_path: Path) -> None:
    table = RateTable(tmp_path / "missing" / "table")
    assert table.take("alice", Rate.parse("1/h"), SECOND) == 0
    assert table.take("alice", Rate.parse("1/h"), SECOND) == 3600
