"""The lock between processes."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from triton_lite.launch.file_lock import FileLock

HOLDER = """
import sys
from pathlib import Path
from triton_lite.launch.file_lock import FileLock
lock = FileLock(Path(sys.argv[1]))
print(lock.try_acquire(), flush=True)
sys.stdin.readline()
"""


def test_excludes_and_leaves_no_file(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    with FileLock(path) as first:
        assert first.try_acquire()
        assert not FileLock(path).try_acquire()
    assert not path.exists()
    with FileLock(path) as again:
        assert again.try_acquire()


def test_shared_holders_exclude_exclusive_ones(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    first, second, alone = FileLock(path, shared=True), FileLock(path, shared=True), FileLock(path)
    assert first.try_acquire()
    assert second.try_acquire()
    assert not alone.try_acquire()
    first.release()
    assert path.exists()
    assert not alone.try_acquire()
    second.release()
    assert not path.exists()
    assert alone.try_acquire()
    alone.release()


def test_a_waiter_that_got_a_removed_file_locks_the_new_one(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    holder = FileLock(path)
    assert holder.try_acquire()
    path.unlink()  # As if its holder had released between a waiter's open and its flock.
    path.write_text("")
    other = FileLock(path)
    assert other.try_acquire()
    other.release()


def test_the_lock_of_a_dead_process_is_free(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "True\n"
    assert not FileLock(path).acquire(0.05)
    process.kill()
    process.communicate()
    assert path.exists()
    with FileLock(path) as lock:
        assert lock.try_acquire()
