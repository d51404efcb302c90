"""HTTP connections: two ways to say where a body ends, sizes of heads, the age of connections."""

from __future__ import annotations

import http.client
import json
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import grpc
import pytest
from repositories import MODELS, write_identity
from rule_clients import GrpcClient
from server_process import ServerProcess, serve

PATH = "/v2/models/plain_identity/infer"
TENSOR = b"\x01\x02\x03\x04"
CHUNKED = b"2\r\n\x01\x02\r\n2;name=value\r\n\x03\x04\r\n0\r\n\r\n"
NEXT = b"GET /v2/health/live HTTP/1.1\r\nHost: smuggled\r\n\r\n"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    with serve(f"--model-repository={write_identity(tmp_path_factory.mktemp('models'))}") as running:
        yield running


def connect(server: ServerProcess) -> socket.socket:
    return socket.create_connection(("127.0.0.1", server.http_port), 30)


def read_all(connection: socket.socket) -> bytes:
    received = b""
    while piece := connection.recv(65536):
        received += piece
    return received


def request(*headers: str, body: bytes = CHUNKED) -> bytes:
    lines = [f"POST {PATH} HTTP/1.1", "Host: localhost", "Inference-Header-Content-Length: 0", *headers]
    return "\r\n".join((*lines, "", "")).encode() + body


def answer_to(server: ServerProcess, *pieces: bytes) -> bytes:
    """What is answered to pieces that come one after another, until the server closes the connection."""
    with connect(server) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        pause = threading.Event()
        for piece in pieces:
            connection.sendall(piece)
            pause.wait(0.02 if len(pieces) > 1 else 0)  # So that they rather come apart; either way is right.
        return read_all(connection)


def both(order: int = 0, *more: str, length: int = len(CHUNKED)) -> list[str]:
    headers = [f"Content-Length: {length}", "Transfer-Encoding: chunked"]
    return [*(reversed(headers) if order else headers), *more]


@pytest.mark.parametrize("order", [0, 1])
@pytest.mark.parametrize("more", [(), ("Connection: keep-alive",)])
def test_a_length_and_chunks_that_agree_are_taken(server: ServerProcess, order: int, more: tuple[str, ...]) -> None:
    """As Triton does; RFC 9112, 6.3: by the chunks, and the connection is closed afterwards."""
    answer = answer_to(server, request(*both(order, *more)))
    assert answer.startswith(b"HTTP/1.1 200 OK\r\n"), answer
    assert b"\r\nConnection: close\r\n" in answer.title().replace(b"Close", b"close")
    assert answer.endswith(TENSOR)


def test_in_pieces_and_behind_another_request(server: ServerProcess) -> None:
    whole = request(*both())
    for cut in (10, whole.index(b"\r\n\r\n") + 2, whole.index(b"\r\n\r\n") + 4, len(whole) - 3):
        assert answer_to(server, whole[:cut], whole[cut:]).endswith(TENSOR), cut
    assert answer_to(server, *(bytes([byte]) for byte in whole)).endswith(TENSOR)
    kept = answer_to(server, NEXT + whole)
    assert kept.count(b"HTTP/1.1 200 OK") == 2
    assert kept.endswith(TENSOR)


def test_nothing_is_answered_behind_it(server: ServerProcess) -> None:
    """What follows on the connection is no request: whoever sent it may have meant it as a part of this one."""
    for pieces in ((request(*both()) + NEXT,), (request(*both()), NEXT)):
        answer = answer_to(server, *pieces)
        assert answer.count(b"HTTP/1.1") == 1
        assert answer.endswith(TENSOR)


@pytest.mark.parametrize("behind", [b"", NEXT])
@pytest.mark.parametrize("length", [0, 1, len(CHUNKED) - 1, len(CHUNKED) + 1, len(CHUNKED) + len(NEXT), 10**17])
def test_a_length_and_chunks_that_disagree_are_refused(server: ServerProcess, length: int, behind: bytes) -> None:
    with connect(server) as connection:
        connection.sendall(request(*both(length=length)) + behind)
        connection.shutdown(socket.SHUT_WR)
        answer = read_all(connection)
    assert TENSOR not in answer
    assert answer.count(b"HTTP/1.1") <= 1
    assert answer.startswith(b"HTTP/1.1 400 ") or not answer


@pytest.mark.parametrize(
    "headers",
    [
        ["Content-Length: 33", "Content-Length: 33", "Transfer-Encoding: chunked"],
        ["Content-Length: 33", "Content-Length: 34", "Transfer-Encoding: chunked"],
        ["Content-Length: +33", "Transfer-Encoding: chunked"],
        ["Content-Length: 33, 33", "Transfer-Encoding: chunked"],
        ["Content-Length: -1", "Transfer-Encoding: chunked"],
        ["Content-Length: 0x21", "Transfer-Encoding: chunked"],
        ["Content-Length : 33", "Transfer-Encoding: chunked"],
        ["Content-Length:", "Transfer-Encoding: chunked"],
        [f"Content-Length: {'9' * 40}", "Transfer-Encoding: chunked"],
        ["Content-Length: 33", "Transfer-Encoding: chunked, identity"],
        ["Content-Length: 33", "Transfer-Encoding: xchunked"],
        ["Content-Length: 33", "Transfer-Encoding: chunked", "Transfer-Encoding: chunked"],
        ["Content-Length: 33", " folded: x", "Transfer-Encoding: chunked"],
    ],
)
def test_what_says_it_in_other_ways_is_refused(server: ServerProcess, headers: list[str]) -> None:
    answer = answer_to(server, request(*headers) + NEXT)
    assert answer.startswith((b"HTTP/1.1 400 ", b"HTTP/1.1 501 ")), answer
    assert answer.count(b"HTTP/1.1") == 1


def test_http_1_0_has_no_chunks(server: ServerProcess) -> None:
    answer = answer_to(server, request(*both()).replace(b"HTTP/1.1", b"HTTP/1.0", 1))
    assert answer.split()[1] == b"400"


@pytest.mark.parametrize(
    ("head", "status"),
    [
        (b"GET /" + b"a" * 9000 + b" HTTP/1.1\r\nHost: x\r\n\r\n", 414),
        (b"GET /v2 HTTP/1.1\r\nHost: x\r\nX: " + b"a" * 9000 + b"\r\n\r\n", 431),
        (b"GET /v2 HTTP/1.1\r\nHost: x\r\n" + b"".join(b"X-%d: y\r\n" % n for n in range(200)) + b"\r\n", 431),
        (b"GET /v2 HTTP/1.1\r\nHost: x\r\nX: " + b"a" * 100_000, 431),  # It does not wait for the end.
        (b"GET /" + b"a" * 100_000, 414),
    ],
)
def test_heads_are_bounded(server: ServerProcess, head: bytes, status: int) -> None:
    assert answer_to(server, head).split()[1] == b"%d" % status


def test_metadata_are_bounded(server: ServerProcess) -> None:
    with GrpcClient(server.grpc) as client:
        assert client.code("ServerLive", b"", {"x": "a" * 4000}) == "OK"
        assert client.code("ServerLive", b"", {"x": "a" * 100_000}) == "RESOURCE_EXHAUSTED"


AGE_SECONDS = 1.0


@pytest.fixture(scope="module")
def aging(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    age = f"{AGE_SECONDS * 1000:.0f}"
    with serve(
        f"--model-repository={MODELS}", f"--http-max-connection-age={age}", f"--grpc-max-connection-age={age}"
    ) as running:
        yield running


def test_an_old_idle_connection_is_closed(aging: ServerProcess) -> None:
    """Some time later than it is old: a request may be under way to the server."""
    with connect(aging) as connection:
        assert read_all(connection) == b""


def test_the_request_under_way_is_answered_and_the_last(aging: ServerProcess) -> None:
    with connect(aging) as connection:
        connection.sendall(b"POST /v2/models/simple/infer HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{")
        threading.Event().wait(1.5 * AGE_SECONDS)  # Older than it may become.
        connection.sendall(b"}")
        answer = read_all(connection)
    assert b"Unable to parse 'inputs'" in answer
    assert b"connection: close" in answer.lower()


def test_no_request_of_a_busy_connection_is_lost(aging: ServerProcess) -> None:
    connection = http.client.HTTPConnection(*aging.http.split(":"), timeout=30)  # type: ignore[arg-type]
    sockets = set()
    deadline = time.monotonic() + 3 * AGE_SECONDS
    while time.monotonic() < deadline:
        connection.request("GET", "/v2/models/simple")
        answer = connection.getresponse()
        assert answer.status == 200
        assert json.loads(answer.read())["name"] == "simple"
        sockets.add(connection.sock)
    connection.close()
    assert len(sockets) >= 3  # None where the server closed it: the client opens another by itself.


def test_grpc_connections_age_too(aging: ServerProcess) -> None:
    with GrpcClient(aging.grpc) as client:
        peers = set()
        deadline = time.monotonic() + 3 * AGE_SECONDS
        while time.monotonic() < deadline:
            assert client.code("ServerLive") == "OK"
            peers |= connections_to(aging.grpc_port)
    assert len(peers) >= 2


def connections_to(port: int) -> set[str]:
    """The local ends of connections of this machine to a port."""
    lines = [
        line.split() for name in ("tcp", "tcp6") for line in Path(f"/proc/net/{name}").read_text().splitlines()[1:]
    ]
    return {line[1] for line in lines if line[2].endswith(f":{port:04X}") and line[3] == "01"}


def test_connections_do_not_age_by_default(server: ServerProcess) -> None:
    with connect(server) as connection:
        for _ in range(3):
            connection.sendall(NEXT)
            assert connection.recv(65536).startswith(b"HTTP/1.1 200")
            threading.Event().wait(AGE_SECONDS)
    with grpc.insecure_channel(server.grpc) as channel:
        grpc.channel_ready_future(channel).result(30)
        first = connections_to(server.grpc_port)
        threading.Event().wait(2 * AGE_SECONDS)
        assert first and connections_to(server.grpc_port) == first
