"""--http-restricted-api, --grpc-restricted-protocol: each API in its group, in Triton's words, wherever it is asked."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import grpc
import pytest
from rule_clients import SERVICE, GrpcClient, http_call
from server_process import Probe, ServerProcess, environment, free_ports, serve, started, stop

from triton_lite.guard.groups import GRPC_METHODS
from triton_lite.options.values import RESTRICTABLE

MODELS = Path(__file__).parents[1] / "models"
HTTP_PATHS = {
    "health": ["GET /v2/health/live", "GET /v2/health/ready", "GET /v2/models/simple/ready"],
    "metadata": ["GET /v2", "GET /v2/models/simple", "GET /v2/models/simple/versions/1"],
    "inference": [
        "POST /v2/models/simple/infer",
        "POST /v2/models/simple/versions/1/infer",
        "POST /v2/models/simple/generate",
        "POST /v2/models/simple/generate_stream",
    ],
    "shared-memory": [
        "GET /v2/systemsharedmemory/status",
        "GET /v2/cudasharedmemory/region/r/status",
        "POST /v2/systemsharedmemory/region/r/register",
        "POST /v2/cudasharedmemory/unregister",
    ],
    "model-config": ["GET /v2/models/simple/config"],
    "model-repository": [
        "POST /v2/repository/index",
        "POST /v2/repository/models/simple/load",
        "POST /v2/repository/models/simple/unload",
    ],
    "statistics": ["GET /v2/models/stats", "GET /v2/models/simple/stats"],
    "trace": ["GET /v2/trace/setting", "POST /v2/models/simple/trace/setting"],
    "logging": ["GET /v2/logging", "POST /v2/logging"],
}
INFER = json.dumps(
    {
        "inputs": [
            {"name": name, "datatype": "INT32", "shape": [1, 16], "data": [1] * 16} for name in ("INPUT0", "INPUT1")
        ]
    }
).encode()
LIST = "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo"


def restrictions() -> dict[str, list[str]]:
    """Each group behind a header of its own; repeated options, of which one has two groups."""
    groups = ["trace,logging:key-trace=value-trace"]
    groups += [f"{group}:key-{group}=value-{group}" for group in RESTRICTABLE if group not in ("trace", "logging")]
    return {"http-restricted-api": groups, "grpc-restricted-protocol": groups}


def header_of(group: str) -> tuple[str, str]:
    name = "trace" if group == "logging" else group
    return f"key-{name}", f"value-{name}"


def probe() -> Probe:
    return Probe(dict([header_of("health")]))


@contextlib.contextmanager
def served(folder: Path) -> Iterator[ServerProcess]:
    flags = [f"--{name}={value}" for name, values in restrictions().items() for value in values]
    with serve(f"--model-repository={MODELS}", *flags, probe=probe()) as server:
        yield server


@contextlib.contextmanager
def by_hand(folder: Path, *worker: str) -> Iterator[ServerProcess]:
    """gunicorn and triton-lite-grpc, told by the environment."""
    http, port, metrics = free_ports(3)
    env = environment(
        TRITON_LITE_MODEL_REPOSITORY=str(MODELS),
        TRITON_LITE_RUNTIME_DIR=str(folder / "run"),
        TRITON_LITE_GRPC_PORT=str(port),
        **{f"TRITON_LITE_{name.upper().replace('-', '_')}": "\n".join(v) for name, v in restrictions().items()},
    )
    command = [sys.executable, "-m", "gunicorn", "triton_lite.frontends.http:app", "-b", f"127.0.0.1:{http}", *worker]
    other = subprocess.Popen([sys.executable, "-m", "triton_lite.frontends.grpc.main"], env=env, cwd=folder)
    try:
        with started(command, env, (http, port, metrics), cwd=folder, probe=probe()) as server:
            with grpc.insecure_channel(server.grpc) as channel:
                grpc.channel_ready_future(channel).result(60)
            yield server
    finally:
        stop(other)  # type: ignore[arg-type]


@pytest.fixture(scope="module", params=["serve", "gunicorn-asgi", "gunicorn-sync"])
def server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    folder = tmp_path_factory.mktemp("restricted")
    kinds = {"serve": served, "gunicorn-asgi": lambda folder: by_hand(folder, "-k", "asgi"), "gunicorn-sync": by_hand}
    with kinds[request.param](folder) as running:
        yield running


def ask(server: ServerProcess, line: str, headers: dict[str, str]) -> tuple[int, str, str]:
    method, path = line.split()
    body = (INFER if path.endswith("infer") else b"{}") if method == "POST" else None
    answer = http_call(server.http, path, headers, body, method)
    return answer.status, answer.headers.get("content-type", ""), answer.body.decode()


@pytest.mark.parametrize("group", RESTRICTABLE)
def test_http(server: ServerProcess, group: str) -> None:
    key, value = header_of(group)
    for line in HTTP_PATHS[group]:
        refused = (403, "text/plain", f'{{"error":"This API is restricted, expecting header \'{key}\'"}}')
        other = {header_of(name)[0]: header_of(name)[1] for name in RESTRICTABLE if header_of(name) != (key, value)}
        for headers in ({}, {key: "wrong"}, {key: value + "x"}, {key: value.upper()}, other):
            assert ask(server, line, headers) == refused, line
        for name in (key, key.upper()):
            assert ask(server, line, {name: value})[0] != 403, line
    # Whatever the method is.
    assert ask(server, HTTP_PATHS[group][0].replace("GET", "POST").replace("POST", "PUT"), {})[0] == 403


def test_http_infers_with_the_header(server: ServerProcess) -> None:
    status, _, body = ask(server, "POST /v2/models/simple/infer", dict([header_of("inference")]))
    assert status == 200
    assert json.loads(body)["outputs"][0]["data"] == [2] * 16


@pytest.mark.parametrize("path", ["/v2/models/sim%70le/infer", "/v2/models/simple/infer?x=/v2/health/live"])
def test_no_spelling_of_a_path_goes_around(server: ServerProcess, path: str) -> None:
    assert http_call(server.http, path, {}, INFER).status == 403


def test_a_refused_body_is_read_and_the_connection_kept(server: ServerProcess) -> None:
    """So that a client that is still sending sees why."""
    answer = http_call(server.http, "/v2/models/simple/infer", {}, b" " * (8 << 20))
    assert answer.status == 403


@pytest.mark.parametrize("method", GRPC_METHODS)
def test_grpc(server: ServerProcess, method: str) -> None:
    key, value = header_of(GRPC_METHODS[method])
    header = f"triton-grpc-protocol-{key}"
    with GrpcClient(server.grpc) as client:
        for metadata in ({}, {header: "wrong"}, {key: value}):
            with pytest.raises(grpc.RpcError) as refused:
                if method == "ModelStreamInfer":
                    client.stream(method, metadata=metadata)
                else:
                    client.call(method, metadata=metadata)
            assert refused.value.code() is grpc.StatusCode.UNAVAILABLE
            assert refused.value.details() == f"This protocol is restricted, expecting header '{header}'"
        if method == "ModelStreamInfer":
            assert len(client.stream(method, metadata={header: value})) == 1
        else:
            try:
                client.call(method, metadata={header: value})
            except grpc.RpcError as error:
                assert "restricted" not in error.details()


def test_grpc_health_and_reflection(server: ServerProcess) -> None:
    """Health is restricted in both its forms; reflection tells only what everybody knows, in Triton too."""
    key, value = header_of("health")
    with GrpcClient(server.grpc) as client:
        assert client.code("/grpc.health.v1.Health/Check") == "UNAVAILABLE"
        assert client.code("/grpc.health.v1.Health/Check", metadata={f"triton-grpc-protocol-{key}": value}) == "OK"
        assert SERVICE.strip("/").encode() in client.stream(LIST, [b"\x3a\x01*"])[0]


TWICE = ("model-repository,health:k1=v1", "metadata,health:k2=v2")


@pytest.mark.parametrize(
    ("option", "values", "text"),
    [
        ("http-restricted-api", TWICE, "restricted api 'health' can not be specified in multiple config groups"),
        ("http-restricted-api", ("health,health:k=v",), "restricted api 'health' can not be specified in multiple"),
        ("http-restricted-api", ("model-reposit:k=v",), "unknown restricted api 'model-reposit'"),
        (
            "http-restricted-api",
            ("health",),
            "--http-restricted-api option format is '<config name>:<setting>=<value>'",
        ),
        ("http-restricted-api", ("health:k",), "--http-restricted-api option format is"),
        ("http-restricted-api", (":k=v",), "--http-restricted-api option format is"),
        ("http-restricted-api", ("health:k=",), "--http-restricted-api option format is"),
        ("grpc-restricted-protocol", TWICE, "restricted protocol 'health' can not be specified in multiple config"),
        ("grpc-restricted-protocol", ("model-reposit:k=v",), "unknown restricted protocol 'model-reposit'"),
        ("grpc-restricted-protocol", ("health:=v",), "--grpc-restricted-protocol option format is"),
    ],
)
def test_wrong_options_are_no_start(tmp_path: Path, option: str, values: tuple[str, ...], text: str) -> None:
    serve_command = [sys.executable, "-m", "triton_lite.cli.main", "serve", str(MODELS)]
    flags = [f"--{option}={value}" for value in values]
    done = subprocess.run([*serve_command, *flags], capture_output=True, text=True, env=environment(), timeout=60)
    assert done.returncode == 1
    assert text in done.stderr
    env = environment(
        TRITON_LITE_RUNTIME_DIR=str(tmp_path), **{f"TRITON_LITE_{option.upper().replace('-', '_')}": "\n".join(values)}
    )
    gunicorn = [sys.executable, "-m", "gunicorn", "triton_lite.frontends.http:app", "-b", "127.0.0.1:0"]
    for command in ([sys.executable, "-m", "triton_lite.frontends.grpc.main", "--grpc-port=0"], gunicorn):
        done = subprocess.run(command, capture_output=True, text=True, env=env, timeout=60)
        assert done.returncode != 0
        assert text in done.stderr
