"""Processes that are no model: what becomes of any program that is started as one."""

import os
import sys
import threading

import pytest
from processes import gone
from serving import wait_until

from triton_lite.engine.model_processes import process as process_module
from triton_lite.engine.model_processes.model_log import how_it_ended
from triton_lite.engine.model_processes.process import ModelProcess, Program
from triton_lite.engine.model_processes.reactor import Reactor
from triton_lite.errors import TritonError


class Case:
    def __init__(self, folder, monkeypatch):
        self.reactor = Reactor()
        self.folder = folder
        self.monkeypatch = monkeypatch
        self.messages = []
        self.deaths = []
        self.dead = threading.Event()

    def start(self, code):
        main = self.folder / "__main__.py"
        main.write_text(f"import os, sys, time\ncontrol = int(sys.argv[2])\n{code}\n")
        self.monkeypatch.setattr(process_module, "_MAIN", main)
        program = Program(sys.executable, dict(os.environ))
        return self.reactor.run(lambda: ModelProcess(self.reactor, program, "m_0", self.messages.append, self._died))

    def _died(self, status):
        self.deaths.append(how_it_ended(status))
        self.dead.set()


@pytest.fixture
def case(tmp_path, monkeypatch):
    made = Case(tmp_path, monkeypatch)
    yield made
    made.reactor.stop()


@pytest.mark.parametrize(
    "code, how",
    [
        ("sys.exit(3)", "exited with status 3"),
        ("os._exit(0)", "exited with status 0"),
        ("os.kill(os.getpid(), 11)", "was ended by SIGSEGV"),
    ],
)
@pytest.mark.parametrize("has_pidfd", [True, False])
def test_a_death_is_told_once_with_its_cause_after_the_last_words(case, code, how, has_pidfd):
    if not has_pidfd:
        case.monkeypatch.setattr(os, "pidfd_open", lambda pid: (_ for _ in ()).throw(OSError))
    before = len(os.listdir("/proc/self/fd"))
    process = case.start(f'os.write(control, b\'{{"op":"last"}}\\n\'); {code}')
    assert case.dead.wait(30)
    wait_until(lambda: not os.path.exists(f"/proc/{process.pid}"))
    assert case.messages == [{"op": "last"}]
    assert case.deaths == [how]
    # But for those of the reactor.
    assert len(os.listdir("/proc/self/fd")) == before + 2


def test_a_process_can_be_killed_with_all_that_it_started(case):
    process = case.start(
        "import subprocess\n"
        "child = subprocess.Popen(['sleep', '1000'])\n"
        "os.write(control, b'{\"child\":%d}\\n' % child.pid)\n"
        "time.sleep(1000)"
    )
    wait_until(lambda: case.messages)
    child = case.messages[0]["child"]
    assert not gone(child)
    case.reactor.run(process.kill)
    assert case.dead.wait(30)
    wait_until(lambda: gone(child))
    assert case.deaths == ["was ended by SIGKILL"]
    case.reactor.run(process.kill)


def test_a_process_that_hangs_up_is_ended(case):
    case.start("os.close(control); time.sleep(1000)")
    assert case.dead.wait(30)
    assert case.deaths == ["was ended by SIGKILL"]


def test_its_name_shows_in_lists_of_processes(case):
    process = case.start('os.write(control, b\'{"op":"up"}\\n\'); time.sleep(1000)')
    wait_until(lambda: case.messages)
    with open(f"/proc/{process.pid}/cmdline") as file:
        assert "triton_python_backend_stub=m_0" in file.read().split("\0")
    assert os.getsid(process.pid) == os.getpgid(process.pid) == process.pid
    assert os.readlink(f"/proc/{process.pid}/fd/0") == "/dev/null"
    case.reactor.run(process.kill)
    assert case.dead.wait(30)


def test_what_cannot_be_started(case):
    before = len(os.listdir("/proc/self/fd"))
    with pytest.raises(TritonError, match="Failed to run python backend stub 'm_0' with /no/python: "):
        case.reactor.run(
            lambda: ModelProcess(case.reactor, Program("/no/python", {}), "m_0", print, lambda status: None)
        )
    assert len(os.listdir("/proc/self/fd")) == before + 2
