"""Finding or starting an engine: one of many starts it, what dead ones left does not matter."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from triton_lite.errors import Code, TritonError
from triton_lite.launch.connection import find_or_start
from triton_lite.launch.engine_process import start_engine
from triton_lite.launch.place import Place
from triton_lite.options import Settings, load

FAKE_ENGINE = Path(__file__).with_name("fake_engine.py")

# One of several front ends: connects, says so, and waits for its end.
FRONT_END = """
import sys
sys.path.insert(0, sys.argv[1])
from pathlib import Path
import test_connection as t
sys.stdin.readline()
client = t.connect(Path(sys.argv[2]))
print("connected", flush=True)
"""


def dial(place: Place) -> socket.socket | None:
    """Connect as the channel client does."""
    client = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    try:
        client.connect(str(place.socket))
    except OSError:
        client.close()
        return None
    return client


def connect(folder: Path, behaviour: str = "", linger: int = 60) -> socket.socket:
    place = Place(folder / "engine.sock")
    settings: Settings = load([f"--model-repository={folder}", f"--engine-linger-secs={linger}"], {})[0]
    command = (sys.executable, str(FAKE_ENGINE), "--log", str(folder / "started"), "--behaviour", behaviour)
    return find_or_start(
        place, lambda: dial(place), lambda: start_engine(place, settings, supervised=False, command=command)
    )


def started(folder: Path) -> list[int]:
    """The engines that were started, by pid."""
    return [int(line) for line in (folder / "started").read_text().split()]


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    yield tmp_path
    if (tmp_path / "started").exists():
        for pid in started(tmp_path):
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue


def test_starts_an_engine_and_finds_it_again(folder: Path) -> None:
    connect(folder).close()
    connect(folder).close()
    assert len(started(folder)) == 1
    assert not (folder / "engine.sock.lock").exists()


def test_of_many_that_start_at_once_one_starts_the_engine(folder: Path) -> None:
    command = [sys.executable, "-c", FRONT_END, str(Path(__file__).parent), str(folder)]
    processes = [subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for _ in range(6)]
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    assert [process.communicate()[0] for process in processes] == ["connected\n"] * 6
    assert len(started(folder)) == 1


def test_what_a_dead_engine_left_is_replaced(folder: Path) -> None:
    connect(folder).close()
    (first,) = started(folder)
    os.kill(first, signal.SIGKILL)
    while dial(Place(folder / "engine.sock")) is not None:
        pass  # Until the kernel has taken its socket away.
    assert (folder / "engine.sock").exists()
    connect(folder).close()
    assert len(started(folder)) == 2


def test_a_lock_file_that_nobody_holds_does_not_matter(folder: Path) -> None:
    (folder / "engine.sock.lock").write_text("")
    connect(folder).close()
    assert len(started(folder)) == 1


def test_an_engine_that_does_not_come_up_is_unavailable(folder: Path) -> None:
    with pytest.raises(TritonError, match="did not start") as caught:
        connect(folder, behaviour="broken")
    assert caught.value.code is Code.UNAVAILABLE
    connect(folder).close()  # The next one may try again.


def test_a_folder_that_cannot_be_used_is_unavailable(tmp_path: Path) -> None:
    with pytest.raises(TritonError) as caught:
        connect(tmp_path / "missing")
    assert caught.value.code is Code.UNAVAILABLE
