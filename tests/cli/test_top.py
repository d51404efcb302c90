"""`triton-lite top` against a server that says what it is told to say."""

from __future__ import annotations

import contextlib
import io
import json
import os
import pty
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from triton_lite.cli.main import main
from triton_lite.cli.top.figures import Counts, Look, rows
from triton_lite.cli.top.screen import screen
from triton_lite.cli.top.show import as_table

MS = 1_000_000


def statistics(name: str, success: int, fail: int = 0, executions: int | None = None, version: str = "1") -> Any:
    """As the extension shows them: each request waits 2 ms and computes 3 x 1 ms, in batches of 4 inferences."""
    durations = {"success": (success, 9), "fail": (fail, 9), "queue": (success, 2)}
    durations |= {f"compute_{stage}": (success, 1) for stage in ("input", "infer", "output")}
    return {
        "name": name,
        "version": version,
        "inference_count": success,
        "execution_count": success // 4 if executions is None else executions,
        "inference_stats": {key: {"count": count, "ns": count * ms * MS} for key, (count, ms) in durations.items()},
    }


def test_rates_and_means_of_an_interval() -> None:
    before = Look.of(10, [], [statistics("a", 100, 7), statistics("b", 40)])
    index = [
        {"name": "a", "version": "1", "state": "READY"},
        {"name": "b", "version": "1", "state": "READY"},
        {"name": "c"},
        {"name": "d", "version": "2", "state": "UNAVAILABLE", "reason": "unloaded"},
    ]
    now = Look.of(12, index, [statistics("a", 108, 9), statistics("b", 80)])
    busiest, second, idle, gone = rows(before, now)
    assert (busiest.name, busiest.requests_per_second, busiest.batch_size) == ("b", 20, 4)
    assert (second.requests_per_second, second.failures_per_second) == (5, 1)
    assert (second.queue_ms, second.compute_ms) == (2, 3)
    assert (second.requests, second.failures) == (117, 9)
    assert (idle.name, idle.version, idle.state, idle.queue_ms, idle.batch_size) == ("c", "", "", None, None)
    assert (gone.name, gone.state, gone.requests_per_second) == ("d", "UNAVAILABLE", 0)


def test_a_model_that_was_loaded_anew_counts_from_zero() -> None:
    before = Look.of(0, [], [statistics("a", 100)])
    now = Look.of(1, [], [statistics("a", 8)])
    assert rows(before, now)[0].requests_per_second == 8
    assert Counts(requests=3).since(Counts(requests=1)) == Counts(requests=2)


def test_what_has_no_place_on_the_screen_is_counted() -> None:
    look = Look.of(1, [], [statistics(f"model{number}", number) for number in range(30)])
    lines = as_table("title", rows(Look.of(0, [], []), look), height=12, width=60).split("\n")
    assert len(lines) <= 12
    assert lines[-1] == "… and 24 more that did less"
    assert "model29" in lines[4]
    assert all(len(line) <= 60 for line in lines)


class Server(ThreadingHTTPServer):
    """Answers with one look after another; `None` is an error of the server, the last look stays."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.looks: list[Any] = []
        self.index: Any = []


class _Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        assert isinstance(self.server, Server) and self.path == "/v2/models/stats"
        looks = self.server.looks
        look = looks.pop(0) if len(looks) > 1 else looks[0]
        self._answer(503 if look is None else 200, {"error": "not now"} if look is None else {"model_stats": look})

    def do_POST(self) -> None:
        assert isinstance(self.server, Server) and self.path == "/v2/repository/index"
        self.rfile.read(int(self.headers["Content-Length"]))
        index = self.server.index
        self._answer(403 if index is None else 200, {"error": "forbidden"} if index is None else index)

    def _answer(self, status: int, content: Any) -> None:
        body = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def server() -> Iterator[Server]:
    serving = Server()
    thread = threading.Thread(target=serving.serve_forever, daemon=True)
    thread.start()
    yield serving
    serving.shutdown()
    serving.server_close()
    thread.join()


def run(server: Server, *arguments: str) -> int:
    return main(["top", "--url", f"127.0.0.1:{server.server_address[1]}", "--interval", "0.01", *arguments])


def test_json_has_a_line_for_each_interval(server: Server, capsys: pytest.CaptureFixture[str]) -> None:
    server.looks = [[statistics("a", 0)], [statistics("a", 8)], None, [statistics("a", 12, 1)]]
    server.index = [{"name": "a", "version": "1", "state": "READY"}, {"name": "z"}]
    assert run(server, "--json", "--count", "3") == 0
    first, broken, last = (json.loads(line) for line in capsys.readouterr().out.splitlines())
    assert [model["name"] for model in first["models"]] == ["a", "z"]
    assert first["models"][0] == {
        "name": "a",
        "version": "1",
        "state": "READY",
        "requests_per_second": 8 / first["interval_seconds"],
        "failures_per_second": 0,
        "queue_ms": 2,
        "compute_ms": 3,
        "batch_size": 4,
        "cache_hits_per_second": 0,
        "requests": 8,
        "failures": 0,
    }
    assert broken["error"] == "not now" and "models" not in broken
    # The interval goes on from the last look that there was.
    assert last["models"][0]["requests_per_second"] == pytest.approx(5 / last["interval_seconds"])


def test_a_table_where_there_is_no_terminal(server: Server, capsys: pytest.CaptureFixture[str]) -> None:
    server.looks = [[statistics("a", 0)], [statistics("a", 8)]]
    server.index = None  # Nobody may see the repository.
    assert run(server, "--count", "1") == 0
    text = capsys.readouterr().out
    assert ": 1 of 1 ready, " in text
    assert "| Model | Version | State |" in text
    assert "| a     | 1       | READY |" in text
    assert "\x1b" not in text


def test_wrong_arguments_and_no_server(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["top", "--interval", "0"]) == 2
    assert main(["top", "--nonsense"]) == 2
    assert main(["top", "--url", "http://127.0.0.1:1"]) == 3
    assert "triton-lite top: no server listens at http://127.0.0.1:1" in capsys.readouterr().err


def test_the_screen_is_given_back_and_q_ends() -> None:
    keys, terminal = pty.openpty()
    output = io.StringIO()
    with os.fdopen(terminal, buffering=1) as keyboard, screen(output, keyboard) as shown:
        shown.show("one\ntwo")
        os.write(keys, b"x")
        assert shown.wait(30)
        os.write(keys, b"q")
        assert not shown.wait(30)
    os.close(keys)
    text = output.getvalue()
    assert text.startswith("\x1b[?1049h\x1b[?25l\x1b[Hone\x1b[K\r\ntwo\x1b[J")
    assert text.endswith("\x1b[?25h\x1b[?1049l")


def test_a_terminal_until_somebody_presses_q(server: Server) -> None:
    server.looks = [[statistics("a", 0)], [statistics("a", 8)]]
    keys, terminal = pty.openpty()
    url = f"127.0.0.1:{server.server_address[1]}"
    command = [sys.executable, "-m", "triton_lite.cli.main", "top", "--url", url, "--interval", "0.05"]
    process = subprocess.Popen(command, stdin=terminal, stdout=terminal, stderr=terminal)
    os.close(terminal)
    shown = b""
    while b"| a     | 1       | READY |" not in shown:
        shown += os.read(keys, 4096)
    os.write(keys, b"q")
    with contextlib.suppress(OSError):  # Its other end is closed.
        while rest := os.read(keys, 4096):
            shown += rest
    assert process.wait(30) == 0
    assert shown.endswith(b"\x1b[?25h\x1b[?1049l")
    os.close(keys)


def test_a_screen_without_a_keyboard_only_waits() -> None:
    with screen(io.StringIO(), io.StringIO()) as shown:
        assert shown.wait(0)
