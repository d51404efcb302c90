"""Model processes that die or hang while the server runs."""

import logging
import os
import re
import signal
import textwrap
import threading

import numpy as np
import pytest
from processes import gone
from serving import (
    ANSWER,
    CONFIG,
    ECHO,
    EXECUTE,
    VALUES,
    infer,
    note_pid,
    pids,
    python_backend,
    serving,
    wait_until,
    write_model,
)

from triton_lite.errors import Code, TritonError

NOT_HEALTHY = "Stub process 'm_0' is not healthy."


def noting(folder):
    return f"def initialize(self, args):\n    {note_pid(folder)}"


def note_failure(server, failures):
    """Ask the model; for a thread."""
    try:
        infer(server)
    except TritonError as error:
        failures.append(error.text)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSEGV])
def test_a_dead_process_makes_its_model_and_the_server_unready_until_it_is_back(tmp_path, caplog, number):
    caplog.set_level(logging.DEBUG, "triton_lite")
    write_model(tmp_path, methods=noting(tmp_path))
    write_model(tmp_path, "other")
    with serving(tmp_path, backend_config=python_backend(restart_delay_seconds=1000)) as server:
        (pid,) = pids(tmp_path)
        os.kill(pid, number)
        wait_until(lambda: not server.model("m").ready())
        assert not server.ready()
        assert f"Model 'm' version 1 is not ready: {NOT_HEALTHY}" in caplog.messages
        with pytest.raises(TritonError, match=re.escape(NOT_HEALTHY)) as caught:
            infer(server)
        assert caught.value.code is Code.INTERNAL
        assert server.model("other").ready()
        assert np.array_equal(infer(server, "other"), VALUES)
        # The model is still loaded, as in Triton.
        (entry,) = (model for model in server.models() if model.name == "m")
        assert entry.state == "READY"
        wait_until(lambda: f"the process of 'm_0' was ended by {number.name}" in caplog.messages)


def test_a_dead_process_comes_back(tmp_path, caplog):
    caplog.set_level(logging.INFO, "triton_lite")
    write_model(tmp_path, methods=noting(tmp_path))
    with serving(tmp_path, backend_config=python_backend(restart_idle_delay_seconds=0)) as server:
        for _ in range(3):
            os.kill(pids(tmp_path)[-1], signal.SIGKILL)
            wait_until(lambda: not server.model("m").ready())
            wait_until(lambda: server.ready() and server.model("m").ready())
            assert np.array_equal(infer(server), VALUES)
        assert len(pids(tmp_path)) == 4
        assert caplog.messages.count("the process of 'm_0' is ready again") == 3


def test_a_model_that_nobody_asks_for_is_seen_to_be_down(tmp_path, caplog):
    caplog.set_level(logging.INFO, "triton_lite")
    write_model(tmp_path, methods=noting(tmp_path))
    settings = python_backend(restart_idle_delay_seconds=1000)
    with serving(tmp_path, backend_config=settings) as server:
        os.kill(pids(tmp_path)[0], signal.SIGKILL)
        wait_until(lambda: any("or when it is asked for" in line for line in caplog.messages))
        assert not server.model("m").ready() and len(pids(tmp_path)) == 1
        # Whoever asks for it brings it back.
        with pytest.raises(TritonError, match=re.escape(NOT_HEALTHY)):
            infer(server)
        wait_until(lambda: server.model("m").ready())
        assert np.array_equal(infer(server), VALUES)
        assert len(pids(tmp_path)) == 2


def test_who_comes_after_a_death_waits_for_the_next_process(tmp_path):
    write_model(tmp_path, methods=noting(tmp_path))
    settings = python_backend(restart_idle_delay_seconds=1000)
    with serving(tmp_path, backend_config=settings) as server:
        os.kill(pids(tmp_path)[0], signal.SIGKILL)
        wait_until(lambda: not server.model("m").ready())
        # As in Triton, the first one learns of it, and no other.
        with pytest.raises(TritonError, match=re.escape(NOT_HEALTHY)):
            infer(server)
        for _ in range(3):
            assert np.array_equal(infer(server), VALUES)
        assert len(pids(tmp_path)) == 2


def test_who_waits_for_a_process_that_cannot_start_learns_that_it_cannot(tmp_path):
    dead_end = tmp_path / "dead_end"
    fails = f"\n    if os.path.exists({str(dead_end)!r}): raise ValueError('no')"
    write_model(tmp_path, methods=noting(tmp_path) + fails)
    with serving(tmp_path) as server:
        dead_end.touch()
        os.kill(pids(tmp_path)[0], signal.SIGKILL)
        wait_until(lambda: not server.model("m").ready())
        for _ in range(3):
            with pytest.raises(TritonError, match=re.escape(NOT_HEALTHY)):
                infer(server)
        dead_end.unlink()
        wait_until(lambda: server.model("m").ready())
        assert np.array_equal(infer(server), VALUES)


def test_a_server_ends_while_requests_wait_for_a_process(tmp_path):
    hangs = tmp_path / "hangs"
    waits = f"\n    while os.path.exists({str(hangs)!r}): time.sleep(0.01)"
    write_model(tmp_path, methods=noting(tmp_path) + waits)
    failures = []
    with serving(tmp_path, exit_timeout_secs=1) as server:
        hangs.touch()
        os.kill(pids(tmp_path)[0], signal.SIGKILL)
        wait_until(lambda: not server.model("m").ready())
        with pytest.raises(TritonError, match=re.escape(NOT_HEALTHY)):
            infer(server)
        asking = threading.Thread(target=note_failure, args=(server, failures))
        asking.start()
        wait_until(lambda: len(pids(tmp_path)) == 2)
    asking.join(30)
    assert len(failures) == 1


def test_only_what_was_in_it_fails(tmp_path):
    started, go_on = tmp_path / "started", tmp_path / "go_on"
    wait = (
        f"open({str(started)!r}, 'w'); [time.sleep(0.01) for _ in iter(lambda: os.path.exists({str(go_on)!r}), True)]"
    )
    write_model(tmp_path, methods=noting(tmp_path), execute=ECHO.replace("    return", f"    {wait}\n    return"))
    write_model(tmp_path, "other")
    failures = []
    with serving(tmp_path) as server:
        asking = threading.Thread(target=note_failure, args=(server, failures))
        asking.start()
        wait_until(started.exists)
        os.kill(pids(tmp_path)[0], signal.SIGKILL)
        asking.join()
        assert len(failures) == 1 and NOT_HEALTHY in failures[0]
        assert np.array_equal(infer(server, "other"), VALUES)
        go_on.touch()
        wait_until(lambda: server.model("m").ready())
        assert np.array_equal(infer(server), VALUES)


def test_a_process_dies_while_what_it_asked_of_another_model_waits(tmp_path):
    """The waiting request is cancelled and answered by the thread that cancels: the model comes back all the same."""
    started, go_on = tmp_path / "started", tmp_path / "go_on"
    wait = (
        f"open({str(started)!r}, 'w'); [time.sleep(0.01) for _ in iter(lambda: os.path.exists({str(go_on)!r}), True)]"
    )
    write_model(tmp_path, "busy", execute=ECHO.replace("    return", f"    {wait}\n    return"))
    note = repr(str(tmp_path / "asked"))
    asks = f"""\
    if not os.path.exists({note}):
        open({note}, "w").close()
        threading.Timer(0.3, os.kill, (os.getpid(), 9)).start()
        tensor = pb.get_input_tensor_by_name(requests[0], "IN")
        pb.InferenceRequest(model_name="busy", requested_output_names=["OUT"], inputs=[tensor]).exec()
"""
    write_model(tmp_path, methods=noting(tmp_path), execute=EXECUTE + asks + ANSWER)
    with serving(tmp_path) as server:
        holding = threading.Thread(target=infer, args=(server, "busy"))
        holding.start()
        wait_until(started.exists)
        with pytest.raises(TritonError, match=re.escape(NOT_HEALTHY)):
            infer(server)
        assert np.array_equal(infer(server), VALUES)
        go_on.touch()
        holding.join()
        assert np.array_equal(infer(server, "busy"), VALUES)


def test_a_process_that_hangs_in_execute_is_ended(tmp_path):
    write_model(
        tmp_path, methods=noting(tmp_path), execute="def execute(self, requests):\n    time.sleep(1000)", config=CONFIG
    )
    backend = python_backend(execute_timeout_seconds=0.3)
    with serving(tmp_path, backend_config=backend, exit_timeout_secs=1) as server:
        with pytest.raises(TritonError, match=re.escape(NOT_HEALTHY)):
            server.model("m").infer({"IN": VALUES}, timeout=30)
        wait_until(lambda: len(pids(tmp_path)) == 2 and server.model("m").ready())
        assert gone(pids(tmp_path)[0])


HOG = """\
import resource
resource.setrlimit(resource.RLIMIT_AS, (4 << 30, 4 << 30))
kept = []
while True:
    kept.append(bytearray(b"x" * (256 << 20)))"""


@pytest.mark.parametrize(
    ("fault", "text", "dies"),
    [
        ("raise ValueError('no')", "ValueError: no", False),
        ("sys.exit(3)", "SystemExit: 3", False),
        (HOG, "MemoryError", False),
        ("os._exit(3)", NOT_HEALTHY, True),
        ("os.kill(os.getpid(), 11)", NOT_HEALTHY, True),
    ],
    ids=["raise", "sys.exit", "memory", "os._exit", "segmentation fault"],
)
def test_faults_of_execute_concern_their_requests_alone(tmp_path, fault, text, dies):
    go_wrong = "if pb.get_input_tensor_by_name(requests[0], 'IN').as_numpy()[0] < 0:\n"
    execute = EXECUTE + textwrap.indent(go_wrong + textwrap.indent(fault, "    ") + "\n", "    ") + ANSWER
    write_model(tmp_path, methods=noting(tmp_path), execute=execute)
    write_model(tmp_path, "other")
    with serving(tmp_path) as server:
        with pytest.raises(TritonError, match=re.escape(text)):
            infer(server, values=-1 - VALUES)
        assert np.array_equal(infer(server, "other"), VALUES)
        wait_until(lambda: len(pids(tmp_path)) == 1 + dies and server.model("m").ready())
        assert np.array_equal(infer(server), VALUES)


def test_what_a_process_started_ends_with_it(tmp_path):
    methods = f"""
    def initialize(self, args):
        {note_pid(tmp_path)}
        import subprocess
        child = subprocess.Popen(["sleep", "1000"])
        open({str(tmp_path / "pids")!r}, "a").write(f"{{child.pid}}\\n")
    """
    write_model(tmp_path, methods=methods)
    with serving(tmp_path, backend_config=python_backend(restart_delay_seconds=1000)) as server:
        pid, child = pids(tmp_path)
        assert not gone(child)
        os.kill(pid, signal.SIGKILL)
        wait_until(lambda: gone(child))
        assert not server.model("m").ready()


def test_a_process_that_fails_to_come_back_is_tried_again(tmp_path, caplog):
    fails = tmp_path / "fails"
    methods = f"{noting(tmp_path)}\n    assert not os.path.exists({str(fails)!r}), 'not today'"
    write_model(tmp_path, methods=methods)
    with serving(tmp_path) as server:
        fails.touch()
        os.kill(pids(tmp_path)[0], signal.SIGKILL)
        wait_until(lambda: len(pids(tmp_path)) >= 3)
        assert not server.model("m").ready()
        assert "the process of 'm_0' cannot be started again: AssertionError: not today" in caplog.text
        fails.unlink()
        wait_until(lambda: server.model("m").ready())
        assert np.array_equal(infer(server), VALUES)


def test_a_dead_model_can_be_unloaded_and_loaded(tmp_path):
    write_model(tmp_path, methods=noting(tmp_path))
    with serving(tmp_path, backend_config=python_backend(restart_delay_seconds=1000)) as server:
        os.kill(pids(tmp_path)[0], signal.SIGKILL)
        wait_until(lambda: not server.model("m").ready())
        server.unload("m")
        assert server.ready()
        server.load("m")
        assert np.array_equal(infer(server), VALUES)


def test_one_of_several_instances(tmp_path):
    write_model(tmp_path, methods=noting(tmp_path), config=CONFIG + "instance_group { count: 2 kind: KIND_CPU }")
    with serving(tmp_path) as server:
        os.kill(pids(tmp_path)[0], signal.SIGKILL)
        wait_until(lambda: not server.model("m").ready())
        wait_until(lambda: server.model("m").ready())
        assert len(pids(tmp_path)) == 3
        assert not gone(pids(tmp_path)[1])


def test_others_run_what_an_instance_that_stays_down_would_fail(tmp_path):
    fails = tmp_path / "fails"
    methods = f"{noting(tmp_path)}\n    assert not os.path.exists({str(fails)!r}), 'not today'"
    execute = EXECUTE + "    time.sleep(0.002 * len(requests))\n" + ANSWER
    config = CONFIG + "instance_group { count: 2 kind: KIND_CPU }"
    write_model(tmp_path, methods=methods, execute=execute, config=config)
    with serving(tmp_path, backend_config=python_backend(restart_max_delay_seconds=0.2)) as server:
        fails.touch()
        first = pids(tmp_path)
        os.kill(first[0], signal.SIGKILL)
        wait_until(lambda: len(pids(tmp_path)) >= 5)  # Its restart has failed more than once.
        failures = []
        clients = [threading.Thread(target=lambda: [note_failure(server, failures) for _ in range(20)]) for _ in "1234"]
        for client in clients:
            client.start()
        for client in clients:
            client.join()
        assert failures == []
        assert not server.model("m").ready()
        os.kill(first[1], signal.SIGKILL)
        wait_until(lambda: gone(first[1]) and len(pids(tmp_path)) >= 8)
        with pytest.raises(TritonError, match="is not healthy"):
            infer(server)
        fails.unlink()
        wait_until(lambda: server.model("m").ready())
        assert np.array_equal(infer(server), VALUES)


def test_kills_under_load_fail_only_what_was_in_the_process(tmp_path, request):
    """--long: fifty times."""
    write_model(tmp_path, methods=noting(tmp_path))
    write_model(tmp_path, "other")
    over, failures, answers = threading.Event(), [], []

    def load(name):
        while not over.is_set():
            try:
                answers.append((name, np.array_equal(infer(server, name), VALUES)))
            except TritonError as error:
                failures.append((name, error.text))
                wait_until(lambda: over.is_set() or server.model(name).ready(), seconds=5)

    def kill(count):
        answered = len(answers)
        wait_until(lambda: len(answers) > answered + 100)
        os.kill(pids(tmp_path)[-1], signal.SIGKILL)
        wait_until(lambda: len(pids(tmp_path)) > count and server.model("m").ready(), seconds=5)

    with serving(tmp_path) as server:
        clients = [threading.Thread(target=load, args=(name,)) for name in ["m"] * 4 + ["other"] * 2]
        for client in clients:
            client.start()
        try:
            for count in range(1, 51 if request.config.getoption("--long") else 4):
                kill(count)
        finally:
            over.set()
            for client in clients:
                client.join()
    assert all(right for _, right in answers)
    assert {name for name, _ in answers} == {"m", "other"}
    assert failures and all(name == "m" and NOT_HEALTHY in text for name, text in failures)


def test_a_server_that_is_killed_takes_its_processes_along(tmp_path):
    import subprocess
    import sys

    write_model(tmp_path, methods=noting(tmp_path))
    program = (
        "import sys, triton_lite\n"
        f"server = triton_lite.Server({str(tmp_path)!r}).start()\n"
        "print('ready', flush=True)\n"
        "sys.stdin.read()\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as server:
        assert server.stdout.readline() == "ready\n"
        (pid,) = pids(tmp_path)
        assert not gone(pid)
        server.kill()
    wait_until(lambda: gone(pid))
