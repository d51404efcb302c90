"""Clients that keep their connections and send large requests lose none, however soon the next one follows."""

from __future__ import annotations

import concurrent.futures
import http.client
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from repositories import write_identity
from server_process import ServerProcess, serve

CONNECTIONS = 8
REQUESTS = 25
BYTE_SIZE = 1 << 20


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    repository: Path = tmp_path_factory.mktemp("keep_alive")
    write_identity(repository)
    with serve(f"--model-repository={repository}") as running:
        yield running


def converse(address: str, headers: dict[str, str]) -> None:
    """Send one request after another over one connection."""
    host, _, port = address.rpartition(":")
    tensor = {"name": "INPUT0", "datatype": "UINT8", "shape": [BYTE_SIZE]}
    head = json.dumps({"inputs": [tensor | {"parameters": {"binary_data_size": BYTE_SIZE}}]}).encode()
    headers = headers | {"Inference-Header-Content-Length": str(len(head))}
    connection = http.client.HTTPConnection(host, int(port), timeout=60)
    connection.connect()
    socket = connection.sock
    for _ in range(REQUESTS):
        connection.request("POST", "/v2/models/plain_identity/infer", head + bytes(BYTE_SIZE), headers)
        answer = connection.getresponse()
        answer.read()
        assert answer.status == 200
        assert connection.sock is socket, "the server closed the connection"
    connection.close()


# The second way in is that of unusual requests.
@pytest.mark.parametrize("headers", [{}, {"Accept-Encoding": "identity"}])
def test_no_connection_is_closed(server: ServerProcess, headers: dict[str, str]) -> None:
    with concurrent.futures.ThreadPoolExecutor(CONNECTIONS) as threads:
        for done in [threads.submit(converse, server.http, headers) for _ in range(CONNECTIONS)]:
            done.result()
