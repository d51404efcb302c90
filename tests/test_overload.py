"""More than a server takes on: what is beyond its limits is refused at once, and says when to try again."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import grpc
import pytest
import urllib3
from living_server import ask, slow_request, until, write_slow
from server_process import ServerProcess, serve
from test_cancellation import INFER, cancel_call, encoded, hang_up, waiting


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    repository = tmp_path_factory.mktemp("overload")
    write_slow(repository, "slow", 600_000)
    write_slow(repository, "other", 600_000)
    write_slow(repository, "quick", 0)
    limits = ("--max-inflight-requests=5", "--max-inflight-requests-per-model=3", "--max-inflight-byte-size=100000")
    with serve(str(repository), *limits) as running:
        yield running


def refused(server: ServerProcess, model: str, text: str, size: int = 1) -> None:
    """A request is refused over both protocols, with the same words."""
    answer = urllib3.request(
        "POST", f"http://{server.http}/v2/models/{model}/infer", json=slow_request(size=size), retries=False
    )
    assert (answer.status, answer.headers["Retry-After"]) == (503, "1")
    assert text in answer.json()["error"]
    with grpc.insecure_channel(server.grpc) as channel:
        call = channel.unary_unary(INFER).future(encoded(model, slow_request(size=size)))
        error = call.exception()
        assert error.code() is grpc.StatusCode.UNAVAILABLE
        assert text in error.details()
        assert ("retry-after", "1") in error.trailing_metadata()


def test_requests_beyond_the_limits_are_refused_and_room_comes_back(server: ServerProcess) -> None:
    held = [hang_up(server, "slow", slow_request()), cancel_call(server, "slow", slow_request())]
    held.append(hang_up(server, "slow", slow_request()))
    until(lambda: waiting(server, "slow") == 2, "they do not wait")
    refused(server, "slow", "model 'slow' has 3 requests in flight, which is its limit; try again later")
    assert ask(server.http, "/v2/models/quick/infer", slow_request())[0] == 200
    held += [hang_up(server, "other", slow_request()), cancel_call(server, "other", slow_request())]
    until(lambda: waiting(server, "other") == 1, "they do not wait")
    refused(server, "quick", "the server has 5 requests in flight, which is its limit; try again later")
    # Probes and other calls are no inference.
    assert ask(server.http, "/v2/health/ready")[0] == 200
    for give_up in held:
        give_up()
    until(lambda: ask(server.http, "/v2/models/quick/infer", slow_request())[0] == 200, "no room again")


def test_bodies_have_a_budget(server: ServerProcess) -> None:
    held = cancel_call(server, "slow", slow_request(size=70_000))
    other = cancel_call(server, "slow", slow_request())
    until(lambda: waiting(server, "slow") == 1, "it does not run")
    refused(server, "quick", "more than 100000 bytes, which is their limit", size=50_000)
    assert ask(server.http, "/v2/models/quick/infer", slow_request(size=1000))[0] == 200
    held()
    other()
    body = slow_request(size=50_000)
    until(lambda: ask(server.http, "/v2/models/quick/infer", body)[0] == 200, "no room again")


def memory_of(server: ServerProcess) -> int:
    """Bytes that the server's processes have of their own, by triton-lite status."""
    return sum(each["memory_byte_size"] for each in status(server)["processes"])


def status(server: ServerProcess) -> dict[str, list[dict[str, int]]]:
    from triton_lite.cli.status import ask as ask_engine

    found = ask_engine(Path(engine_socket(server)))
    assert found is not None
    return found


def engine_socket(server: ServerProcess) -> str:
    (line,) = [line for line in server.log if "listens at" in line]
    return line.rpartition("listens at ")[2].strip().strip('"')


def test_half_open_connections_and_slow_writers_cost_little_and_stop_nobody(server: ServerProcess) -> None:
    before = memory_of(server)
    text = json.dumps(slow_request(size=1 << 20)).encode()
    head = f"POST /v2/models/quick/infer HTTP/1.1\r\nHost: x\r\nContent-Length: {len(text)}\r\n\r\n".encode()
    beginnings = [b"", b"POST /v2/mod", head[:-2], head, head + text[:1000]]
    connections = []
    try:
        for number in range(200):
            connections.append(socket.create_connection(("127.0.0.1", server.http_port)))
            connections[-1].sendall(beginnings[number % len(beginnings)])
        with ThreadPoolExecutor(2) as pool:  # Within the limit of a model.
            asked = pool.map(lambda _: ask(server.http, "/v2/models/quick/infer", slow_request())[0], range(50))
            assert set(asked) == {200}
        assert memory_of(server) - before < 200 * (64 << 10)
    finally:
        for each in connections:
            each.close()


@pytest.mark.parametrize("size", [1 << 17, 1 << 22])
def test_huge_headers_are_refused(server: ServerProcess, size: int) -> None:
    with socket.create_connection(("127.0.0.1", server.http_port)) as client:
        client.settimeout(60)
        line = b"GET /v2/health/live HTTP/1.1\r\nHost: x\r\nX-Large: "

        def send() -> None:
            send_all(client, line + b"x" * size + b"\r\n\r\n")

        sender = threading.Thread(target=send)
        sender.start()
        try:
            answer = client.recv(100)
        except ConnectionResetError:
            answer = b""
        sender.join()
        assert answer == b"" or answer.split(b" ")[1][:1] == b"4"
    assert ask(server.http, "/v2/health/live")[0] == 200


def send_all(client: socket.socket, data: bytes) -> None:
    """Send as much as the server takes."""
    import contextlib

    with contextlib.suppress(OSError):
        client.sendall(data)
