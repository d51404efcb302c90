"""Headers that are handed on to a model (--http-header-forward-pattern), as it sees them under each kind of server."""

from __future__ import annotations

import contextlib
import json
import shutil
import socket
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from server_process import ServerProcess, environment, free_ports, serve, started

MODEL = Path(__file__).parent / "python_models" / "repository" / "request_view"
BODY = b'{"inputs": [], "outputs": [{"name": "VIEW"}]}'
# gunicorn's workers by hand leave headers with underscores out.
HEADERS = {
    "my-plain:a": "a",
    'my-space:  quoted " and \\ ': 'quoted " and \\ ',
    "my-tabs:\ta \t ": "\ta \t ",
    "my-blank:  \t": "\t",
    "my-empty:": " ",
    "my-letter: é ": "é ",
}
SERVERS = ["serve", "serve-with-ages", "gunicorn-asgi", "gunicorn-sync", "gunicorn-gthread", "gunicorn-ours"]
OUR_WORKER = "triton_lite.frontends.http.worker.Worker"


@contextlib.contextmanager
def by_hand(repository: Path, folder: Path, *worker: str) -> Iterator[ServerProcess]:
    ports = free_ports(3)
    env = environment(
        TRITON_LITE_MODEL_REPOSITORY=str(repository),
        TRITON_LITE_RUNTIME_DIR=str(folder / "run"),
        TRITON_LITE_HTTP_HEADER_FORWARD_PATTERN="my.*",
    )
    command = [sys.executable, "-m", "gunicorn", "triton_lite.frontends.http:app", "-b", f"127.0.0.1:{ports[0]}"]
    with started([*command, *worker], env, ports, cwd=folder) as server:
        yield server


@pytest.fixture(scope="module", params=SERVERS)
def server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    folder = tmp_path_factory.mktemp("forwarded")
    repository = folder / "models"
    shutil.copytree(MODEL, repository / "request_view")
    kind, _, more = request.param.partition("-")
    if kind == "serve":
        age = ["--http-max-connection-age=60000"] if more else []
        with serve(f"--model-repository={repository}", "--http-header-forward-pattern=my.*", *age) as running:
            yield running
    else:
        with by_hand(repository, folder, "-k", OUR_WORKER if more == "ours" else more) as running:
            yield running


def head(*lines: bytes, length: int = len(BODY)) -> bytes:
    start = [b"POST /v2/models/request_view/infer HTTP/1.1", b"Host: x", b"Content-Length: %d" % length]
    return b"\r\n".join([*start, *lines, b"", b""])


def view(answer: bytes) -> dict[str, Any]:
    """What the model saw."""
    outputs = json.loads(answer.partition(b"\r\n\r\n")[2])["outputs"]
    (text,) = next(output["data"] for output in outputs if output["name"] == "VIEW")
    seen: dict[str, Any] = json.loads(text)["parameters"]
    return seen


def send(server: ServerProcess, *pieces: bytes) -> bytes:
    with socket.create_connection(("127.0.0.1", server.http_port), 30) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for piece in pieces:
            connection.sendall(piece)
        received = b""
        while piece := connection.recv(65536):
            received += piece
        return received


@pytest.mark.parametrize("pieces", [1, 300])
def test_values_keep_the_blanks_around_them(server: ServerProcess, pieces: int) -> None:
    expected = {line.partition(":")[0]: value for line, value in HEADERS.items()}
    lines = [line.encode() for line in HEADERS]
    request = head(*lines, b"Connection: close ", b"other: o ") + BODY
    size = -(-len(request) // pieces)
    answer = send(server, *(request[at : at + size] for at in range(0, len(request), size)))
    assert view(answer) == expected


def test_names_as_they_came_and_the_last_of_each(server: ServerProcess) -> None:
    lines = [b"my-dup: x", b"My-Dup: y ", b"my-dup:z", b"MY-timeout: 5", b"other: my", b"Connection: close"]
    assert view(send(server, head(*lines) + BODY)) == {"my-dup": "z", "My-Dup": "y ", "MY-timeout": "5"}


def test_of_a_request_behind_another(server: ServerProcess) -> None:
    answers = send(server, head(b"my-first: 1 ") + BODY + head(b"my-second: 2\t", b"Connection: close") + BODY)
    last = answers.rindex(b"HTTP/1.1 ")
    assert view(answers[last:]) == {"my-second": "2\t"} or answers.count(b"HTTP/1.1 ") == 1
    assert view(answers[: last or None]) == {"my-first": "1 "}


def test_what_is_no_header_is_refused_still(server: ServerProcess) -> None:
    for line in (b"my-h : a ", b"my-h: a\0b ", b"my-h: a\r\n folded ", b"my-h: a\nmy-i: b ", b"my-h "):
        assert send(server, head(line, b"Connection: close") + BODY).startswith(b"HTTP/1.1 400 "), line
