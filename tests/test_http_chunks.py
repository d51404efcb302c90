"""Bodies in more chunks than Triton takes are answered at once, to clients that are still sending, too."""

from __future__ import annotations

import socket
import threading
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from server_process import ServerProcess, serve

HEAD = (
    b"POST /v2/models/simple/infer HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n"
    b"Inference-Header-Content-Length: 2\r\n\r\n"
)
TOO_MANY = b"Chunked request body exceeds maximum of 65536 non-empty chunks. Send fewer or larger HTTP chunks."


@pytest.fixture(scope="module")
def server() -> Iterator[ServerProcess]:
    with serve(f"--model-repository={Path(__file__).parents[1] / 'models'}") as running:
        yield running


def connect(server: ServerProcess) -> socket.socket:
    host, port = server.http.split(":")
    connection = socket.create_connection((host, int(port)), 60)
    connection.sendall(HEAD)
    return connection


def read_all(connection: socket.socket) -> bytes:
    received = b""
    while piece := connection.recv(65536):
        received += piece
    return received


def send_chunks(connection: socket.socket, count: int) -> None:
    for _ in range(count // 200):
        connection.sendall(b"1\r\nA\r\n" * 200)


def test_client_that_sends_to_the_end_sees_the_answer(server: ServerProcess) -> None:
    with connect(server) as connection:
        send_chunks(connection, 1_000_000)
        connection.sendall(b"0\r\n\r\n")
        answer = read_all(connection)
    assert answer.startswith(b"HTTP/1.1 400 "), answer[:200]
    assert TOO_MANY in answer


def test_answer_comes_while_the_client_is_still_sending(server: ServerProcess) -> None:
    with connect(server) as connection:
        answers: list[bytes] = []
        reader = threading.Thread(target=lambda: answers.append(read_all(connection)))
        reader.start()
        send_chunks(connection, 80_000)
        reader.join(30)
        assert not reader.is_alive()
        connection.sendall(b"1\r\nA\r\n")  # It is still being received.
    assert TOO_MANY in answers[0]


def test_others_are_served(server: ServerProcess) -> None:
    with connect(server) as connection:
        send_chunks(connection, 100_000)
        with urllib.request.urlopen(f"http://{server.http}/v2/health/ready", timeout=20) as answer:
            assert answer.status == 200
        # Our direction stays open: a client that closes it before the server has counted so far gave up itself.
        assert TOO_MANY in read_all(connection)


def test_fewer_chunks_are_taken(server: ServerProcess) -> None:
    with connect(server) as connection:
        send_chunks(connection, 60_000)
        connection.sendall(b"0\r\n\r\n")
        answer = connection.recv(65536)
    assert b"failed to parse the request JSON buffer" in answer
