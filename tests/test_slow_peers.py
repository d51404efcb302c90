"""Clients that read or write slowly or not at all, that vanish, or that send huge heads: they cost a bounded amount of
memory, and everybody else is served meanwhile.
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import grpc
import pytest
import tritonclient.http as httpclient
from grpc_wire import (
    CONTINUATION,
    DATA,
    END_HEADERS,
    FRAME_BYTE_SIZE,
    HEADERS,
    PREFACE,
    frame,
    grpc_call,
    grpc_head,
)
from hostile_client import SHM
from living_server import ask, engine_of, slow_request, until
from processes import descendants, memory_of
from repositories import write_identity
from server_process import ServerProcess, serve
from test_cancellation import INFER, STREAM, encoded
from test_overload import status as engine_status

from triton_lite.proto import messages

MODEL = "plain_identity"
ANSWER = 8 << 20
UNREAD = 81 << 20
WAITING = 10  # So many may wait,
READERS = 24  # so many are asked for.
# What else than answers may grow: buffers of connections, pools, what the allocator keeps.
SLACK = 48 << 20
WARM = 2 * (32 << 20)  # What the arenas of a peer keep of freed memory, for its next requests and answers.


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    repository = write_identity(tmp_path_factory.mktemp("models"))
    with serve(f"--model-repository={repository}", f"--max-unread-byte-size={UNREAD}") as running:
        assert ask(running.http, f"/v2/models/{MODEL}/infer", slow_request())[0] == 200
        yield running


@pytest.fixture
def region(server: ServerProcess) -> Iterator[str]:
    """A region of zeros: who asks for it back has a large answer for a small request."""
    name = f"tl_slow_{os.getpid()}"
    (SHM / name).write_bytes(bytes(ANSWER))
    with httpclient.InferenceServerClient(server.http) as client:
        client.register_system_shared_memory(name, f"/{name}", ANSWER)
        try:
            yield name
        finally:
            client.unregister_system_shared_memory(name)
            (SHM / name).unlink()


def http_request(region: str) -> bytes:
    place = {"shared_memory_region": region, "shared_memory_byte_size": ANSWER}
    tensor = {"name": "INPUT0", "datatype": "UINT8", "shape": [ANSWER], "parameters": place}
    output = {"name": "OUTPUT0", "parameters": {"binary_data": True}}
    body = json.dumps({"inputs": [tensor], "outputs": [output]}).encode()
    return f"POST /v2/models/{MODEL}/infer HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body


def grpc_request(region: str) -> bytes:
    request = messages.ModelInferRequest(model_name=MODEL)
    tensor = request.inputs.add(name="INPUT0", datatype="UINT8", shape=[ANSWER])
    tensor.parameters["shared_memory_region"].string_param = region
    tensor.parameters["shared_memory_byte_size"].int64_param = ANSWER
    encoded_request: bytes = request.SerializeToString()
    return encoded_request


@contextlib.contextmanager
def connections(port: int, count: int, data: Callable[[int], bytes]) -> Iterator[list[socket.socket]]:
    """Connections with small buffers that send something and do not read."""
    with contextlib.ExitStack() as stack:
        made = []
        for number in range(count):
            connection = stack.enter_context(socket.socket())
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            connection.settimeout(60)
            connection.connect(("127.0.0.1", port))
            connection.sendall(data(number))
            made.append(connection)
        yield made


def front_end(server: ServerProcess, protocol: str) -> list[int]:
    """The processes of a front end."""
    part = {"http": "gunicorn", "grpc": "frontends.grpc"}[protocol]
    return [child for child, line in descendants(server.process.pid).items() if part in line]


def memory(process_ids: list[int]) -> int:
    return sum(memory_of(each).get("Pss", 0) for each in process_ids)


def answered(connection: socket.socket) -> bool:
    """Whether the first bytes of an answer are there."""
    connection.setblocking(False)
    try:
        return len(connection.recv(1, socket.MSG_PEEK)) > 0
    except BlockingIOError:
        return False
    finally:
        connection.settimeout(60)


def served(server: ServerProcess) -> None:
    """Others are answered over both protocols."""
    for _ in range(20):
        assert ask(server.http, f"/v2/models/{MODEL}/infer", slow_request())[0] == 200
        with grpc.insecure_channel(server.grpc) as channel:
            channel.unary_unary(INFER)(encoded(MODEL, slow_request()), timeout=60)


def read_http(connection: socket.socket) -> tuple[int, int]:
    """Status and number of bytes of an answer's body."""
    with connection.makefile("rb") as file:
        status = int(file.readline().split()[1])
        headers = {}
        while (line := file.readline()) != b"\r\n":
            name, _, value = line.decode().partition(":")
            headers[name.lower()] = value.strip()
        size = int(headers["content-length"])
        assert status == 200 or headers["retry-after"]
        return status, len(file.read(size))


def test_slow_readers_over_http(server: ServerProcess, region: str) -> None:
    processes = front_end(server, "http")
    engine = [engine_of(server.process.pid)]
    before, engine_before = memory(processes), memory(engine)
    with connections(server.http_port, READERS, lambda _: http_request(region)) as readers:
        until(lambda: all(answered(each) for each in readers), "not all are answered")
        served(server)
        grown, engine_grown = memory(processes) - before, memory(engine) - engine_before
        # In the end all have their answer or know that there is none, and room is there again.
        outcomes = [read_http(each) for each in readers]
    assert {status for status, _ in outcomes} == {200, 503}
    assert sum(status == 200 for status, _ in outcomes) == WAITING
    assert all(size > ANSWER for status, size in outcomes if status == 200)
    print(f"{READERS} slow readers: {grown / 1e6:.0f} MB in the front end, {engine_grown / 1e6:.0f} MB in the engine")
    assert grown < UNREAD + SLACK
    assert engine_grown < READERS * ANSWER + WARM + SLACK  # As much as ran at once; what waits lies there, too.
    with connections(server.http_port, 1, lambda _: http_request(region)) as (reader,):
        assert read_http(reader)[0] == 200
    until(lambda: memory(processes) - before < SLACK, "the front end keeps the memory")


def unary(server: ServerProcess, region: str) -> tuple[grpc.StatusCode, str]:
    """Ask for a large answer over gRPC: how that ends."""
    with grpc.insecure_channel(server.grpc, [("grpc.max_receive_message_length", -1)]) as channel:
        call = channel.unary_unary(INFER).future(grpc_request(region), timeout=60)
        error = call.exception()
        if error is None:
            assert len(call.result()) > ANSWER
            return grpc.StatusCode.OK, ""
        assert ("retry-after", "1") in error.trailing_metadata()
        return error.code(), error.details()


def test_slow_readers_over_grpc(server: ServerProcess, region: str) -> None:
    processes = front_end(server, "grpc")
    before = memory(processes)
    call = grpc_call("ModelInfer", grpc_request(region))
    with connections(server.grpc_port, READERS, lambda _: call):
        until(lambda: unary(server, region)[0] is grpc.StatusCode.UNAVAILABLE, "nothing waits")
        assert "--max-unread-byte-size" in unary(server, region)[1]
        served(server)
        grown = memory(processes) - before
    print(f"{READERS} slow readers: {grown / 1e6:.0f} MB in the front end")
    assert grown < 2 * UNREAD + SLACK  # gRPC has a copy of its own.
    until(lambda: unary(server, region)[0] is grpc.StatusCode.OK, "no room again")
    until(lambda: memory(processes) - before < SLACK, "the front end keeps the memory")


def test_slow_readers_of_streams_wait_and_lose_nothing(server: ServerProcess, region: str) -> None:
    processes = front_end(server, "grpc")
    before = memory(processes)
    call = grpc_call("ModelStreamInfer", grpc_request(region))
    with contextlib.ExitStack() as stack:
        options = [("grpc.max_receive_message_length", -1)]
        channel = stack.enter_context(grpc.insecure_channel(server.grpc, options))
        with connections(server.grpc_port, READERS, lambda _: call):
            until(lambda: memory(processes) - before > UNREAD, "nothing waits")
            served(server)
            late = channel.stream_stream(STREAM)(iter([grpc_request(region)]), timeout=60)
            grown = memory(processes) - before
        assert [len(message) > ANSWER for message in late] == [True]  # When the others are gone.
    print(f"{READERS} slow readers of streams: {grown / 1e6:.0f} MB in the front end")
    assert grown < 2 * UNREAD + READERS * ANSWER / 2 + SLACK  # The others wait in memory that is the engine's too.


WRITERS = 40
METADATA = 1 << 30
HEAD = 256 << 20
BODY = 16 << 20


def test_slow_writers_of_large_bodies_cost_what_they_wrote(server: ServerProcess) -> None:
    """Bytes trickle in while others are served; the memory is that of what came, not of what was announced."""
    processes = list(descendants(server.process.pid))
    before = memory(processes)
    head = f"POST /v2/models/{MODEL}/infer HTTP/1.1\r\nHost: x\r\nContent-Length: {BODY}\r\n\r\n".encode()
    message = b"\x00" + struct.pack(">I", BODY)
    begin = PREFACE + frame(HEADERS, END_HEADERS, grpc_head("ModelInfer"))
    over = threading.Event()
    wrote = [0]
    with contextlib.ExitStack() as stack:
        http = stack.enter_context(connections(server.http_port, WRITERS, lambda _: head + bytes(1000)))
        rpc = stack.enter_context(
            connections(server.grpc_port, WRITERS, lambda _: begin + frame(DATA, 0, message + bytes(1000)))
        )

        def trickle() -> None:
            while not over.is_set():
                for connection in http:
                    connection.sendall(b"x")
                for connection in rpc:
                    connection.sendall(frame(DATA, 0, b"x"))
                wrote[0] += 1

        writer = threading.Thread(target=trickle)
        writer.start()
        try:
            served(server)
            until(lambda: wrote[0] > 20, "nothing is written")
            grown = memory(processes) - before
        finally:
            over.set()
            writer.join()
        assert descendants(server.process.pid).keys() == set(processes)
        shown = engine_status(server)
        assert all(not model["queued"] for model in shown["models"])
    print(f"{2 * WRITERS} slow writers of {BODY >> 20} MiB each: {grown / 1e6:.1f} MB")
    assert grown < SLACK
    # What was announced is given back too: as much as all of them is there for others.
    until(lambda: ask(server.http, f"/v2/models/{MODEL}/infer", slow_request(size=1 << 20))[0] == 200, "no room again")


def test_metadata_without_end_over_grpc(server: ServerProcess) -> None:
    """gRPC reads them to their end, and throws away what is beyond its limit: most of them are not in memory."""
    processes = front_end(server, "grpc")
    before = memory(processes)
    named = b"\x00\x01x\x7f" + b"\xe1\xff\x03"  # The name x, and a value of 65,632 bytes; what follows is metadata too.
    begin = PREFACE + frame(HEADERS, 0, grpc_head("ModelInfer") + named)
    piece = frame(CONTINUATION, 0, b"v" * FRAME_BYTE_SIZE)
    sent = 0
    with connections(server.grpc_port, 1, lambda _: begin) as (connection,):
        with contextlib.suppress(OSError):  # The server may close it.
            while sent < METADATA:
                connection.sendall(piece)
                sent += len(piece)
        served(server)
        grown = memory(processes) - before
    print(f"{sent / 1e6:.0f} MB of metadata sent, {grown / 1e6:.0f} MB in memory")
    assert grown < METADATA / 2


@pytest.mark.parametrize("lines", [False, True], ids=["one line", "many lines"])
def test_huge_heads_over_http_are_refused(server: ServerProcess, lines: bool) -> None:
    processes = front_end(server, "http")
    before = memory(processes)
    begin = b"GET /v2/health/live HTTP/1.1\r\nHost: x\r\n" + (b"" if lines else b"X-Name: ")
    piece = b"X-Name: value\r\n" * 1000 if lines else b"v" * 16_000
    sent = 0
    with connections(server.http_port, 8, lambda _: begin) as made:
        for connection in made:
            with contextlib.suppress(OSError):  # The server closes it.
                for _ in range(HEAD // len(piece)):
                    connection.sendall(piece)
                    sent += len(piece)
        served(server)
        grown = memory(processes) - before
    print(f"{sent / 1e6:.1f} MB of headers sent, {grown / 1e6:.1f} MB in memory")
    assert sent < 8 * HEAD / 2
    assert grown < SLACK


def test_the_system_looks_after_clients_that_may_have_vanished(server: ServerProcess) -> None:
    """What it does about one that has is its own; here: that it asks. /proc/net/tcp says which timer a socket has."""
    keep_alive = "02"

    def timers(port: int) -> set[str]:
        lines = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
        lines += [line.split() for line in Path("/proc/net/tcp6").read_text().splitlines()[1:]]
        established = [line for line in lines if line[1].endswith(f":{port:04X}") and line[3] == "01"]
        return {line[5].partition(":")[0] for line in established}

    for port, data in ((server.http_port, b""), (server.http_port, b"GET /v2"), (server.grpc_port, PREFACE)):
        with connections(port, 3, lambda _, data=data: data):
            until(lambda port=port: timers(port) == {keep_alive}, f"{timers(port)} at {port}")
