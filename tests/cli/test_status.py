"""`triton-lite status` and the same in the log, of a server that runs."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path

import pytest
from living_server import engine_of, living, until, write_slow
from processes import descendants

from triton_lite.cli.main import main


def test_shows_processes_models_and_connections(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    repository = tmp_path / "models"
    write_slow(repository, "echo", 0)
    with living(tmp_path, str(repository), "--http-workers=2") as server:
        # The server is ready when one of its workers is.
        until(lambda: len(descendants(server.process.pid)) == 5, "a worker does not come")
        assert main(["status", "--json", f"--runtime-dir={tmp_path / 'run'}"]) == 0
        (line,) = capsys.readouterr().out.splitlines()
        shown = json.loads(line)
        assert shown["state"] == "ready"
        assert shown["engine"] == engine_of(server.process.pid)
        kinds = sorted(each["what"] for each in shown["processes"])
        assert kinds == ["HTTP", "HTTP", "HTTP", "engine", "gRPC", "supervisor"]
        assert all(each["memory_byte_size"] > 1 << 20 and each["threads"] > 0 for each in shown["processes"])
        assert shown["models"] == [{"name": "echo", "version": 1, "state": "READY", "queued": 0}]

        assert main(["status", f"--engine={shown['socket']}"]) == 0
        text = capsys.readouterr().out
        assert "state ready" in text and "supervisor" in text and "echo" in text

        server.process.send_signal(signal.SIGUSR1)
        until(lambda: "state ready" in server.text(), "nothing in the log")
        os.kill(shown["engine"], signal.SIGUSR1)
        until(lambda: server.text().count("state ready") == 2, "nothing in the log")


def test_no_server_is_an_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["status", f"--runtime-dir={tmp_path}"]) == 3
    assert "no server runs here" in capsys.readouterr().err


def test_a_native_crash_leaves_its_stack_in_the_log(tmp_path: Path) -> None:
    repository = tmp_path / "models"
    write_slow(repository, "echo", 0)
    with living(tmp_path, str(repository)) as server:
        engine = engine_of(server.process.pid)
        os.kill(engine, signal.SIGSEGV)
        until(lambda: "signal SIGSEGV) and is started again" in server.text(), "the crash is not reported")
        assert "Fatal signal SIGSEGV in thread" in server.text()
        assert "native stack" in server.text()
        assert "Fatal Python error: Segmentation fault" in server.text()
