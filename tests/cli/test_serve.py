"""The supervisor, with other programs in the place of engine and front ends."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from processes import children
from server_process import environment, free_ports

FAKE_SERVER = Path(__file__).with_name("fake_server.py")
WAIT_SECONDS = 60


class Server:
    """A fake server that runs; `lines` is its log so far."""

    def __init__(self, folder: Path, behaviour: str, *arguments: str, ports: list[int] | None = None) -> None:
        self.runtime = folder / "run"
        self.ports = ports or free_ports(3)
        names = ("http", "grpc", "metrics")
        flags = [f"--{name}-port={port}" for name, port in zip(names, self.ports, strict=True)]
        self.process = subprocess.Popen(
            [sys.executable, str(FAKE_SERVER), "serve", behaviour, *arguments, *flags, str(folder)],
            stderr=subprocess.PIPE,
            text=True,
            env=environment(TRITON_LITE_RUNTIME_DIR=str(self.runtime)),
        )
        self.lines: list[str] = []
        self._news = threading.Condition()
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            with self._news:
                self.lines.append(line)
                self._news.notify_all()

    @property
    def log(self) -> str:
        return "".join(self.lines)

    def wait_for(self, text: str) -> None:
        with self._news:
            assert self._news.wait_for(lambda: text in self.log, WAIT_SECONDS), self.log

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        self.process.send_signal(number)
        return self.end()

    def end(self) -> int:
        """The exit code; also waits until everything that writes to the log is gone."""
        code = self.process.wait(WAIT_SECONDS)
        self._reader.join(WAIT_SECONDS)
        assert not self._reader.is_alive()
        return code

    def children(self) -> list[int]:
        return children(self.process.pid)


@contextlib.contextmanager
def serving(folder: Path, behaviour: str = "ok", *arguments: str, ports: list[int] | None = None) -> Iterator[Server]:
    server = Server(folder, behaviour, *arguments, ports=ports)
    try:
        yield server
    finally:
        server.process.kill()
        server.end()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_starts_says_so_and_stops_without_a_trace(tmp_path: Path, number: signal.Signals) -> None:
    with serving(tmp_path) as server:
        server.wait_for("ready after")
        children = server.children()
        assert len(children) == 3
        for text in (
            "| good  | 1       | READY  |",
            "Started HTTPService at 0.0.0.0:",
            f"http://localhost:{server.ports[0]}/v2",
        ):
            assert text in server.log
        assert server.stop(number) == 0
        assert list(server.runtime.iterdir()) == []
        assert not any(Path(f"/proc/{pid}").exists() for pid in children)


def test_models_that_fail_end_the_server(tmp_path: Path) -> None:
    with serving(tmp_path, "bad model") as server:
        assert server.end() == 1
        assert "| bad   | 1       | UNAVAILABLE: config.pbtxt:3: no such field |" in server.log
        assert re.search(r"failed to load bad, version 1: .*no such field.*; write max_batch_size", server.log)
        assert "error: creating server: Internal - failed to load all models" in server.log
        assert list(server.runtime.iterdir()) == []


def test_the_others_serve_if_asked_to(tmp_path: Path) -> None:
    with serving(tmp_path, "bad model", "--exit-on-error=false") as server:
        server.wait_for("ready after")
        assert "UNAVAILABLE" in server.log
        assert server.stop() == 0


@pytest.mark.parametrize(
    ("behaviour", "text"),
    [
        ("broken", "the engine process ended unexpectedly (exit code 3)"),
        ("broken HTTP", "the HTTP process ended unexpectedly (exit code 5)"),
    ],
)
def test_a_process_that_ends_before_all_serve_ends_the_server(tmp_path: Path, behaviour: str, text: str) -> None:
    with serving(tmp_path, behaviour) as server:
        assert server.end() == 1
        assert text in server.log
        assert list(server.runtime.iterdir()) == []


def test_a_process_that_does_not_stop_is_killed(tmp_path: Path) -> None:
    with serving(tmp_path, "stubborn HTTP", "--exit-timeout-secs=0") as server:
        server.wait_for("ready after")
        assert server.stop() == 0
        assert "the HTTP process did not end in time and is killed" in server.log
        assert "the gRPC process did not end" not in server.log


def test_a_second_signal_ends_at_once(tmp_path: Path) -> None:
    with serving(tmp_path, "stubborn HTTP", "--exit-timeout-secs=600") as server:
        server.wait_for("ready after")
        server.process.send_signal(signal.SIGTERM)
        server.wait_for("stopping")
        assert server.stop() == 0


def test_children_end_with_a_killed_supervisor_and_the_next_start_works(tmp_path: Path) -> None:
    with serving(tmp_path) as server:
        server.wait_for("ready after")
        server.stop(signal.SIGKILL)  # Also waits until no child holds the log open.
    (tmp_path / "run" / "serve-1.sock").write_text("")  # As an engine leaves it that was killed too.
    with serving(tmp_path, ports=server.ports) as again:
        again.wait_for("ready after")
        assert not (tmp_path / "run" / "serve-1.sock").exists()
        assert again.stop() == 0
    assert list(server.runtime.iterdir()) == []


def test_a_second_server_on_a_port_is_refused(tmp_path: Path) -> None:
    with serving(tmp_path, "ok", "--reuse-grpc-port=true") as first:
        first.wait_for("ready after")
        with serving(tmp_path, ports=[*free_ports(1), first.ports[1], *free_ports(1)]) as second:
            assert second.end() == 1
            assert f"0.0.0.0:{first.ports[1]} is used by another triton-lite server" in second.log
            assert "--reuse-grpc-port=true to both" in second.log


def test_servers_may_share_a_port_if_both_say_so(tmp_path: Path) -> None:
    with serving(tmp_path, "ok", "--reuse-http-port=1", "--allow-grpc=0") as first:
        first.wait_for("ready after")
        ports = [first.ports[0], *free_ports(2)]
        with serving(tmp_path, "ok", "--reuse-http-port=1", "--allow-grpc=0", ports=ports) as second:
            second.wait_for("ready after")
            assert second.stop() == 0
        assert first.stop() == 0
    assert list(first.runtime.iterdir()) == []


@pytest.mark.parametrize("name", ["http", "grpc", "metrics"])
def test_a_port_of_another_process_is_refused(tmp_path: Path, name: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        ports = free_ports(3)
        ports[("http", "grpc", "metrics").index(name)] = port
        with serving(tmp_path, ports=ports) as server:
            assert server.end() == 1
            assert f"0.0.0.0:{port} is used by another process; choose another port with --{name}-port" in server.log


def test_log_goes_to_a_file(tmp_path: Path) -> None:
    file = tmp_path / "log"
    with serving(tmp_path, "bad model", f"--log-file={file}") as server:
        assert server.end() == 1
        assert server.log == ""
        assert "failed to load bad" in file.read_text()


def test_metrics_are_served(tmp_path: Path) -> None:
    with serving(tmp_path) as server:
        server.wait_for("ready after")
        with urllib.request.urlopen(f"http://127.0.0.1:{server.ports[2]}/metrics") as answer:
            assert answer.headers["Content-Type"].startswith("text/plain; version=0.0.4")
            assert b"triton_lite_build_info{" in answer.read()
        assert server.stop() == 0


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["--htp-port=1"], "did you mean --http-port?"),
        (["/nonexistent/models"], "Unexpected argument: /nonexistent/models"),
        (["--log-file=/nonexistent/log"], 'Bad option: "--log-file".'),
        (["--runtime-dir=/proc/none"], "the runtime folder /proc/none cannot be made"),
        (["--http-address=no.such.host.invalid"], 'Bad option: "--http-address".'),
    ],
    ids=str,
)
def test_bad_arguments_end_with_a_message(tmp_path: Path, arguments: list[str], text: str) -> None:
    with serving(tmp_path, "ok", *arguments) as server:
        assert server.end() == 1
        assert text in server.log


def test_no_child_outlives_a_server_that_is_told_to_stop_while_it_starts(tmp_path: Path) -> None:
    with serving(tmp_path, "slow engine") as server:
        server.wait_for("loading models: 1 done, 1 under way: slow")
        children = server.children()
        assert server.stop() == 0
        assert not any(os.path.exists(f"/proc/{pid}") for pid in children)
