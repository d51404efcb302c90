"""Many requests at once over keep-alive connections to an HTTP server, on one thread."""

from __future__ import annotations

import collections
import json
import select
import socket
from dataclasses import dataclass, field

CONNECTIONS = 64
"""Requests that can be under way; more wait here, which their latency counts."""


def post(path: str, body: bytes, header_length: int) -> bytes:
    """Encode a request with a binary body whose JSON takes `header_length` bytes."""
    head = f"POST {path} HTTP/1.1\r\nHost: localhost\r\nInference-Header-Content-Length: {header_length}\r\n"
    return f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body


def infer(model: str, name: str, shape: list[int]) -> bytes:
    """Encode an inference request with one FP32 input of zeros; outputs are asked for in binary."""
    size = 4
    for dimension in shape:
        size *= dimension
    one = {"name": name, "shape": shape, "datatype": "FP32", "parameters": {"binary_data_size": size}}
    header = json.dumps({"inputs": [one], "parameters": {"binary_data_output": True}}).encode()
    return post(f"/v2/models/{model}/infer", header + bytes(size), len(header))


@dataclass
class _Connection:
    socket: socket.socket
    call: int = -1
    received: bytearray = field(default_factory=bytearray)


class HttpClient:
    """Sends requests and takes answers in any order. Not thread-safe."""

    def __init__(self, port: int) -> None:
        self._poll = select.epoll()
        self._free: list[_Connection] = []
        self._by_descriptor: dict[int, _Connection] = {}
        self._waiting: collections.deque[tuple[int, bytes]] = collections.deque()
        self._calls = 0
        self._port = port
        for _ in range(CONNECTIONS):
            self._connect()

    def _connect(self) -> None:
        one = socket.create_connection(("127.0.0.1", self._port))
        one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._by_descriptor[one.fileno()] = _Connection(one)
        self._poll.register(one.fileno(), select.EPOLLIN)
        self._free.append(self._by_descriptor[one.fileno()])

    def _lost(self, connection: _Connection) -> None:
        """Replace a connection that was idle for longer than the server keeps one."""
        if connection not in self._free:
            raise ConnectionError("the server closed a connection in the middle of a request")
        self._free.remove(connection)
        del self._by_descriptor[connection.socket.fileno()]
        connection.socket.close()
        self._connect()

    def close(self) -> None:
        """Close the connections."""
        for connection in self._by_descriptor.values():
            connection.socket.close()
        self._poll.close()

    def send(self, request: bytes) -> int:
        """Begin a call and return its number."""
        self._calls += 1
        if self._free:
            self._send(self._free.pop(), self._calls, request)
        else:
            self._waiting.append((self._calls, request))
        return self._calls

    def poll(self, seconds: float) -> list[tuple[int, bool]]:
        """Wait for answers, but no longer than that. Returns the calls that ended, and whether each one failed."""
        done = []
        for descriptor, _ in self._poll.poll(max(0.0, seconds)):
            connection = self._by_descriptor[descriptor]
            data = connection.socket.recv(65536)
            if not data:
                self._lost(connection)
                continue
            connection.received += data
            ok = _answer(connection.received)
            if ok is not None:
                done.append((connection.call, not ok))
                connection.received.clear()
                self._next(connection)
        return done

    def _next(self, connection: _Connection) -> None:
        if self._waiting:
            self._send(connection, *self._waiting.popleft())
        else:
            self._free.append(connection)

    def _send(self, connection: _Connection, call: int, request: bytes) -> None:
        connection.call = call
        connection.socket.sendall(request)


def _answer(received: bytearray) -> bool | None:
    """Tell whether a whole answer says 200; None while a part of it is missing."""
    end = received.find(b"\r\n\r\n")
    if end < 0:
        return None
    length = 0
    for line in bytes(received[:end]).lower().split(b"\r\n"):
        if line.startswith(b"content-length:"):
            length = int(line[15:])
    if len(received) < end + 4 + length:
        return None
    return received.startswith(b"HTTP/1.1 200 ")
