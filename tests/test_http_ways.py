"""The short way of inference requests over HTTP (frontends/http/lane_connection.py) answers as the ordinary one."""

from __future__ import annotations

import contextlib
import http.client
import json
import shutil
import socket
import struct
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from repositories import MODELS, write_identity
from server_process import ServerProcess, environment, free_ports, serve, started
from tritonclient import http as tritonclient

# What makes a request unusual, and changes nothing about its answer.
UNUSUAL = {"TE": "trailers"}
MEGABYTE = 1 << 20
MAX_INPUT_SIZE = 4 * MEGABYTE
ONE = {"name": "INPUT0", "datatype": "INT32", "shape": [1, 16], "data": list(range(16))}
TWO = ONE | {"name": "INPUT1"}


@contextlib.contextmanager
def gunicorn(repository: Path) -> Iterator[ServerProcess]:
    """gunicorn by hand, with our worker."""
    ports = free_ports(3)
    env = environment(
        TRITON_LITE_MODEL_REPOSITORY=str(repository),
        TRITON_LITE_HTTP_MAX_INPUT_SIZE=str(MAX_INPUT_SIZE),
        TRITON_LITE_RUNTIME_DIR=str(repository.parent / "run"),
    )
    command = [sys.executable, "-m", "gunicorn", "-k", "triton_lite.frontends.http.worker.Worker", "--keep-alive=10"]
    command += [f"--bind=127.0.0.1:{ports[0]}", "triton_lite.frontends.http:app"]
    with started(command, env, ports) as running:
        yield running


@pytest.fixture(scope="module", params=["serve", "gunicorn"])
def server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    repository = write_identity(tmp_path_factory.mktemp("ways") / "models")
    shutil.copytree(MODELS / "simple", repository / "simple")
    if request.param == "serve":
        serving = serve(f"--model-repository={repository}", f"--http-max-input-size={MAX_INPUT_SIZE}")
    else:
        serving = gunicorn(repository)
    with serving as running:
        yield running


def binary(byte_size: int, said: int | None = None, **more: Any) -> tuple[bytes, dict[str, str]]:
    """A request of the identity model with a binary tensor; said: what it says of its bytes."""
    parameters = {"binary_data_size": byte_size if said is None else said}
    tensor = {"name": "INPUT0", "datatype": "UINT8", "shape": [byte_size], "parameters": parameters}
    head = json.dumps({"inputs": [tensor]} | more).encode()
    return head + bytes(range(256)) * (byte_size // 256), {"Inference-Header-Content-Length": str(len(head))}


def as_json(*inputs: dict[str, Any], **more: Any) -> tuple[bytes, dict[str, str]]:
    return json.dumps({"inputs": list(inputs)} | more).encode(), {}


SIMPLE, IDENTITY = "/v2/models/simple/infer", "/v2/models/plain_identity/infer"
BINARY_OUTPUT = {"parameters": {"binary_data_output": True}}
CASES: dict[str, tuple[str, tuple[bytes, dict[str, str]]]] = {
    "JSON": (SIMPLE, as_json(ONE, TWO)),
    "a version": ("/v2/models/simple/versions/1/infer", as_json(ONE, TWO, id="7")),
    "binary outputs": (SIMPLE, as_json(ONE, TWO, id="7", **BINARY_OUTPUT)),
    "an id that fits no header": (SIMPLE, as_json(ONE, TWO, id="a\nb")),
    "an id of the headers": (SIMPLE, (as_json(ONE, TWO)[0], {"X-Request-Id": "of headers"})),
    "two ids": (SIMPLE, (as_json(ONE, TWO, id="own")[0], {"X-Request-Id": "of headers"})),
    "classification": (SIMPLE, as_json(ONE, TWO, outputs=[{"name": "OUTPUT0", "parameters": {"classification": 2}}])),
    "binary": (IDENTITY, binary(1024)),
    "binary, both ways": (IDENTITY, binary(1024, **BINARY_OUTPUT)),
    "large": (IDENTITY, binary(MEGABYTE)),
    "large, both ways": (IDENTITY, binary(3 * MEGABYTE, **BINARY_OUTPUT)),
    "raw binary": (IDENTITY, (b"12345", {"Inference-Header-Content-Length": "0"})),
    "empty tensor": (IDENTITY, binary(0)),
    "unknown model": ("/v2/models/none/infer", as_json(ONE)),
    "unknown version": ("/v2/models/simple/versions/9/infer", as_json(ONE, TWO)),
    "unknown input": (SIMPLE, as_json(ONE, TWO | {"name": "INPUT9"})),
    "an input lacks": (SIMPLE, as_json(ONE, id="8")),
    "wrong shape": (SIMPLE, as_json(ONE | {"shape": [16, 1]}, TWO)),
    "wrong datatype": (SIMPLE, as_json(ONE | {"datatype": "FP32"}, TWO)),
    "unknown output": (SIMPLE, as_json(ONE, TWO, outputs=[{"name": "OUTPUT9"}])),
    "no JSON": (SIMPLE, (b"{", {"X-Request-Id": "1"})),
    "no body": (SIMPLE, (b"", {})),
    "wrong binary size": (IDENTITY, binary(1024, 1000)),
    "large and wrong": (IDENTITY, binary(MEGABYTE, 1000)),
    "header length beyond the body": (SIMPLE, (b"{}", {"Inference-Header-Content-Length": "9"})),
    "header length is no number": (SIMPLE, (b"{}", {"Inference-Header-Content-Length": "x"})),
    "too large": (IDENTITY, binary(5 * MEGABYTE)),
    "unknown region": (
        IDENTITY,
        as_json(
            {
                "name": "INPUT0",
                "datatype": "UINT8",
                "shape": [4],
                "parameters": {"shared_memory_region": "none", "shared_memory_byte_size": 4},
            }
        ),
    ),
}


def ask(
    server: ServerProcess, path: str, body: bytes, headers: dict[str, str]
) -> tuple[int, list[tuple[str, str]], bytes]:
    """Return status, headers but for the date, and body of an answer."""
    connection = http.client.HTTPConnection("127.0.0.1", server.http_port, timeout=60)
    try:
        connection.putrequest("POST", path, skip_accept_encoding=True)
        for name, value in {"Content-Length": str(len(body)), **headers}.items():
            connection.putheader(name, value)
        connection.endheaders(body)
        answer = connection.getresponse()
        return answer.status, [header for header in answer.getheaders() if header[0] != "Date"], answer.read()
    finally:
        connection.close()


@pytest.mark.parametrize("case", CASES)
def test_both_ways_answer_alike(server: ServerProcess, case: str) -> None:
    path, (body, headers) = CASES[case]
    short, ordinary = (ask(server, path, body, headers | more) for more in ({}, UNUSUAL))
    assert short == ordinary


@pytest.mark.parametrize("byte_size", [1 << 10, 1 << 17, MEGABYTE])
def test_pieces_of_any_size_are_put_together(server: ServerProcess, byte_size: int) -> None:
    body, headers = binary(byte_size, **BINARY_OUTPUT)
    connection = http.client.HTTPConnection("127.0.0.1", server.http_port, timeout=60)
    for pieces in (2, 3, 17):
        connection.putrequest("POST", IDENTITY, skip_accept_encoding=True)
        for name, value in {"Content-Length": str(len(body)), **headers}.items():
            connection.putheader(name, value)
        connection.endheaders()
        for start in range(0, len(body), len(body) // pieces):
            connection.send(body[start : start + len(body) // pieces])
        answer = connection.getresponse()
        json_size = int(answer.headers["Inference-Header-Content-Length"])
        assert answer.read()[json_size:] == bytes(range(256)) * (byte_size // 256)
    connection.close()


def test_clients_that_go_both_ways_in_turns(server: ServerProcess) -> None:
    with tritonclient.InferenceServerClient(server.http) as client:
        for number in range(20):
            tensor = np.full([1, 16], number, np.int32)
            inputs = [tritonclient.InferInput(name, [1, 16], "INT32") for name in ("INPUT0", "INPUT1")]
            for one in inputs:
                one.set_data_from_numpy(tensor)
            result = client.infer("simple", inputs, headers=dict(UNUSUAL) if number % 3 == 0 else None)
            assert (result.as_numpy("OUTPUT0") == 2 * tensor).all()
            assert client.is_model_ready("simple")


def test_pipelined_requests_are_answered_in_order(server: ServerProcess) -> None:
    def request(number: int, header: str) -> bytes:
        body, headers = binary(4, id=str(number), **BINARY_OUTPUT)
        body += struct.pack("<I", number)
        lines = [f"POST {IDENTITY} HTTP/1.1", "Host: x", f"Content-Length: {len(body)}", header]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        return "\r\n".join([*lines, "", ""]).encode() + body

    with socket.create_connection(("127.0.0.1", server.http_port), 30) as connection:
        connection.sendall(b"".join(request(number, ("A: b", "TE: trailers")[number // 2 % 2]) for number in range(12)))
        file = connection.makefile("rb")
        for number in range(12):
            head = {}
            assert file.readline().startswith(b"HTTP/1.1 200")
            while line := file.readline().strip():
                name, _, value = line.decode().partition(": ")
                head[name.lower()] = value
            body = file.read(int(head["content-length"]))
            assert head["x-request-id"] == str(number)
            assert body[-4:] == struct.pack("<I", number)
