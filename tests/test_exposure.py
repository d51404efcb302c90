"""What a server shows to whom: what its log says is open, the admin address, the origins of web pages, its files."""

from __future__ import annotations

import json
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from processes import descendants
from repositories import MODELS
from rule_clients import GrpcClient, http_call
from server_process import ServerProcess, environment, free_ports, serve, started

from triton_lite.guard import api_keys
from triton_lite.guard.groups import ADMIN, GRPC_METHODS

ADMIN_PATHS = [
    ("POST", "/v2/repository/index"),
    ("POST", "/v2/repository/models/simple/unload"),
    ("GET", "/v2/trace/setting"),
    ("GET", "/v2/models/simple/trace/setting"),
    ("GET", "/v2/logging"),
    ("POST", "/v2/logging"),
]


@pytest.fixture(scope="module", params=[1, 2])
def admin_ports(request: pytest.FixtureRequest) -> Iterator[tuple[ServerProcess, int, int]]:
    http, port = free_ports(2)
    flags = ["--admin-address=127.0.0.2", f"--http-admin-port={http}", f"--grpc-admin-port={port}"]
    flags += [f"--http-workers={request.param}", f"--grpc-processes={request.param}"]
    with serve(f"--model-repository={MODELS}", *flags) as server:
        yield server, http, port


@pytest.mark.parametrize(("method", "path"), ADMIN_PATHS)
def test_admin_apis_over_http(admin_ports: tuple[ServerProcess, int, int], method: str, path: str) -> None:
    server, port, _ = admin_ports
    body = b"{}" if method == "POST" else None
    refused = http_call(server.http, path, {"Host": f"127.0.0.2:{port}"}, body)
    assert (refused.status, refused.error) == (403, "This API is served at another address.")
    assert http_call(f"127.0.0.2:{port}", path, {}, body).status in (200, 503 if "unload" in path else 200, 400)


def test_the_other_apis_are_at_both(admin_ports: tuple[ServerProcess, int, int]) -> None:
    server, http, port = admin_ports
    for address in (server.http, f"127.0.0.2:{http}"):
        assert http_call(address, "/v2/models/stats").status == 200
    for address in (server.grpc, f"127.0.0.2:{port}"):
        with GrpcClient(address) as client:
            assert client.code("ServerReady") == client.code("SystemSharedMemoryStatus") == "OK"


@pytest.mark.parametrize("method", [name for name, group in GRPC_METHODS.items() if group in ADMIN])
def test_admin_apis_over_grpc(admin_ports: tuple[ServerProcess, int, int], method: str) -> None:
    server, _, port = admin_ports
    with GrpcClient(server.grpc) as client:
        assert client.code(method) == "PERMISSION_DENIED"
    with GrpcClient(f"127.0.0.2:{port}") as client:
        assert client.code(method) != "PERMISSION_DENIED"


@pytest.mark.parametrize("worker", ["sync", "asgi"])
def test_admin_apis_of_a_gunicorn_started_by_hand(tmp_path: Path, worker: str) -> None:
    ports = free_ports(4)
    env = environment(
        TRITON_LITE_MODEL_REPOSITORY=str(MODELS),
        TRITON_LITE_RUNTIME_DIR=str(tmp_path / "run"),
        TRITON_LITE_ADMIN_ADDRESS="127.0.0.2",
        TRITON_LITE_HTTP_ADMIN_PORT=str(ports[3]),
    )
    command = [sys.executable, "-m", "gunicorn", "triton_lite.frontends.http:app", "-k", worker]
    command += ["-b", f"127.0.0.1:{ports[0]}", "-b", f"127.0.0.2:{ports[3]}"]
    with started(command, env, ports[:3]) as server:
        for host in (server.http, f"127.0.0.2:{ports[3]}"):
            assert http_call(server.http, "/v2/logging", {"Host": host}).status == 403
            assert http_call(server.http, "/v2", {"Host": host}).status == 200
        assert http_call(f"127.0.0.2:{ports[3]}", "/v2/logging", {"Host": server.http}).status == 200


def test_the_admin_address_is_no_other(admin_ports: tuple[ServerProcess, int, int]) -> None:
    _, http, port = admin_ports
    with pytest.raises(ConnectionRefusedError):
        http_call(f"127.0.0.1:{http}", "/v2/logging")
    with GrpcClient(f"127.0.0.1:{port}") as client:
        assert client.code("LogSettings") == "UNAVAILABLE"


@pytest.mark.parametrize(
    ("flags", "text"),
    [
        (["--admin-address=127.0.0.1", "--http-port=8003"], "8003 is --http-port; choose another"),
        (["--admin-address=127.0.0.1", "--grpc-admin-port=8001"], "8001 is --grpc-port; choose another"),
        (["--admin-address=0.0.0.0", "--grpc-admin-port=8002"], "metrics requests and GRPC admin requests"),
        (["--admin-address=203.0.113.1"], 'Bad option: "--admin-address"'),
        (["--http-cors-origin=example.org"], "an origin was expected"),
    ],
)
def test_wrong_options_are_no_start(flags: list[str], text: str) -> None:
    command = [sys.executable, "-m", "triton_lite.cli.main", "serve", str(MODELS), *flags]
    done = subprocess.run(command, capture_output=True, text=True, env=environment(), timeout=60)
    assert done.returncode == 1
    assert text in done.stderr


def lines_of(server: ServerProcess) -> list[str]:
    return [line.partition("] ")[2].strip('" \n') for line in server.log if "not encrypted" in line]


def test_log_says_what_is_open(tmp_path: Path) -> None:
    with serve(f"--model-repository={MODELS}") as server:
        assert lines_of(server) == [
            f"HTTP at 0.0.0.0:{server.http_port}, not encrypted: everything is answered without authentication",
            f"gRPC at 0.0.0.0:{server.grpc_port}, not encrypted: everything is answered without authentication",
            f"Metrics at 0.0.0.0:{server.metrics_port}, not encrypted: open to everybody who reaches it",
        ]


def test_log_says_what_rules_leave_open(tmp_path: Path) -> None:
    keys = tmp_path / "keys"
    keys.write_text(f"anonymous - health,metadata\nalice {api_keys.hash_of('key')} *\n")
    http, port = free_ports(2)
    flags = [f"--api-keys-file={keys}", "--grpc-restricted-protocol=metadata:k=v", "--admin-address=127.0.0.1"]
    flags += [f"--http-admin-port={http}", f"--grpc-admin-port={port}", "--allow-metrics=false"]
    with serve(f"--model-repository={MODELS}", *flags) as server:
        assert lines_of(server) == [
            f"HTTP at 0.0.0.0:{server.http_port}, not encrypted: without authentication: health, metadata",
            f"HTTP at 127.0.0.1:{http}, not encrypted: without authentication: health, metadata",
            f"gRPC at 0.0.0.0:{server.grpc_port}, not encrypted: without authentication: health",
            f"gRPC at 127.0.0.1:{port}, not encrypted: without authentication: health",
        ]


PREFLIGHT = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "x-api-key, content-type"}


def cors(headers: object) -> dict[str, str]:
    return {name: value for name, value in dict(headers).items() if name.startswith("access-control") or name == "vary"}  # type: ignore[call-overload]


def test_no_origin_may_unless_it_is_named() -> None:
    with serve(f"--model-repository={MODELS}") as server:
        for method in ("GET", "OPTIONS"):
            answer = http_call(server.http, "/v2", {"Origin": "https://a.example", **PREFLIGHT}, method=method)
            assert cors(answer.headers) == {}
        assert answer.status == 405


def test_named_origins_may(tmp_path: Path) -> None:
    keys = tmp_path / "keys"
    keys.write_text(f"anonymous - health\nalice {api_keys.hash_of('key')} *\n")
    flags = ["--http-cors-origin=https://a.example", "--http-cors-origin=http://b.example:8080"]
    with serve(f"--model-repository={MODELS}", f"--api-keys-file={keys}", *flags) as server:
        path = "/v2/models/simple/infer"
        for origin in ("https://a.example", "http://b.example:8080"):
            # Before the key: browsers send none with the preflight.
            preflight = http_call(server.http, path, {"Origin": origin, **PREFLIGHT}, method="OPTIONS")
            assert preflight.status == 204
            assert preflight.headers["access-control-allow-origin"] == origin
            assert preflight.headers["access-control-allow-headers"] == "x-api-key, content-type"
            assert "POST" in preflight.headers["access-control-allow-methods"]
            for key, status in (("key", 500), ("wrong", 401)):
                answer = http_call(server.http, path, {"Origin": origin, "x-api-key": key}, b"{}")
                assert answer.status == status
                assert answer.headers["access-control-allow-origin"] == origin
                assert answer.headers["vary"] == "Origin"
                assert "access-control-allow-credentials" not in answer.headers
        for origin in ("https://a.example.evil.example", "http://a.example", "null", "*"):
            refused = http_call(
                server.http, path, {"Origin": origin, "x-api-key": "key", **PREFLIGHT}, method="OPTIONS"
            )
            assert refused.status == 405
            assert cors(refused.headers) == {}


def test_any_origin_may() -> None:
    with serve(f"--model-repository={MODELS}", "--http-cors-origin=*") as server:
        answer = http_call(server.http, "/v2", {"Origin": "null"})
        assert answer.headers["access-control-allow-origin"] == "*"
        assert cors(http_call(server.http, "/v2").headers) == {}


def maps_of(process: int) -> list[str]:
    return Path(f"/proc/{process}/maps").read_text().splitlines()


def test_what_the_server_writes_is_its_users_alone(tmp_path: Path) -> None:
    """Sockets, boards and tables: whoever may connect to the engine's socket is a front end. Arenas have no name."""
    folder = tmp_path / "run"
    keys = tmp_path / "keys"
    keys.write_text("anonymous - health,inference rate=100/s\n")
    flags = [f"--api-keys-file={keys}", f"--runtime-dir={folder}", "--http-workers=2", "--grpc-processes=2"]
    with serve(f"--model-repository={MODELS}", *flags) as server:
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        names = {path.name.partition(".sock")[2] for path in folder.glob("serve-*")}
        assert names == {"", ".journal", ".lock", ".log-settings", ".rates"}
        for path in folder.iterdir():
            assert stat.S_IMODE(path.stat().st_mode) & 0o077 == 0, path
        # So large that it needs an arena.
        body = json.dumps({"inputs": [{"name": "INPUT0"}]}).encode() + b" " * (4 << 20)
        assert "no field is set" in http_call(server.http, "/v2/models/simple/infer", {}, body).error
        mapped = [
            line for process in (server.process.pid, *descendants(server.process.pid)) for line in maps_of(process)
        ]
        assert any("memfd:" in line for line in mapped)
        assert not [line for line in mapped if "/dev/shm/" in line and "(deleted)" not in line]
    assert list(folder.iterdir()) == []


def test_an_engine_in_an_open_folder_is_its_users_alone(tmp_path: Path) -> None:
    tmp_path.chmod(0o777)
    socket = tmp_path / "engine.sock"
    with serve(f"--model-repository={MODELS}", f"--engine={socket}", f"--runtime-dir={tmp_path / 'run'}"):
        assert stat.S_IMODE(socket.stat().st_mode) == 0o600


@pytest.mark.parametrize("mode", [0o777, 0o770])
def test_a_runtime_folder_that_others_can_write_is_refused(tmp_path: Path, mode: int) -> None:
    folder = tmp_path / "run"
    folder.mkdir()
    folder.chmod(mode)
    command = [sys.executable, "-m", "triton_lite.cli.main", "serve", str(MODELS), f"--runtime-dir={folder}"]
    done = subprocess.run(command, capture_output=True, text=True, env=environment(), timeout=60)
    assert done.returncode == 1
    assert f"{folder} can be written by others" in done.stderr
