"""--api-keys-file: who may call what and how often, by the same rules over both protocols, from a file that changes."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import grpc
import pytest
from repositories import MODELS
from rule_clients import GrpcClient, http_call
from server_process import ServerProcess, environment, free_ports, serve, started, stop

from triton_lite.guard import api_keys
from triton_lite.proto import messages

CHALLENGE = 'Bearer realm="triton-lite"'
KEYS = (
    "anonymous - health\n"
    f"reader {api_keys.hash_of('reader-key')} metadata,inference,statistics\n"
    f"operator {api_keys.hash_of('operator-key')} *\n"
    f"slow {api_keys.hash_of('slow-key')} metadata,inference rate=3/h burst=3\n"
    f"slow-stream {api_keys.hash_of('slow-stream-key')} inference rate=2/h burst=2\n"
)


def write(path: Path, text: str) -> None:
    new = path.with_suffix(".new")
    new.write_text(text)
    os.replace(new, path)


@contextlib.contextmanager
def by_hand(keys: Path, folder: Path, *worker: str) -> Iterator[ServerProcess]:
    http, port, metrics = free_ports(3)
    env = environment(
        TRITON_LITE_MODEL_REPOSITORY=str(MODELS),
        TRITON_LITE_RUNTIME_DIR=str(folder / "run"),
        TRITON_LITE_API_KEYS_FILE=str(keys),
        TRITON_LITE_GRPC_PORT=str(port),
    )
    command = [sys.executable, "-m", "gunicorn", "triton_lite.frontends.http:app", "-b", f"127.0.0.1:{http}", *worker]
    other = subprocess.Popen([sys.executable, "-m", "triton_lite.frontends.grpc.main"], env=env, text=True)
    try:
        with started(command, env, (http, port, metrics)) as server, grpc.insecure_channel(server.grpc) as channel:
            grpc.channel_ready_future(channel).result(60)
            yield server
    finally:
        stop(other)


@pytest.fixture(scope="module", params=["serve", "gunicorn-sync"])
def server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    folder = tmp_path_factory.mktemp("keys")
    keys = folder / "keys"
    write(keys, KEYS)
    if request.param == "serve":
        # Two processes of each front end: whichever answers, the rules are the same, and so is the count.
        flags = [f"--model-repository={MODELS}", f"--api-keys-file={keys}", "--http-workers=2", "--grpc-processes=2"]
        with serve(*flags) as running:
            yield running
    else:
        with by_hand(keys, folder) as running:
            yield running


@pytest.fixture
def client(server: ServerProcess) -> Iterator[GrpcClient]:
    with GrpcClient(server.grpc) as connected:
        yield connected


# What a client sends, an API, and what is answered over HTTP and gRPC.
CASES = [
    ("", "health", 200, "OK"),
    ("", "metadata", 401, "UNAUTHENTICATED"),
    ("", "inference", 401, "UNAUTHENTICATED"),
    ("reader-key", "metadata", 200, "OK"),
    ("reader-key", "statistics", 200, "OK"),
    ("reader-key", "health", 403, "PERMISSION_DENIED"),
    ("reader-key", "repository", 403, "PERMISSION_DENIED"),
    ("reader-key", "logging", 403, "PERMISSION_DENIED"),
    ("operator-key", "repository", 200, "OK"),
    ("operator-key", "logging", 200, "OK"),
    ("reader-kez", "metadata", 401, "UNAUTHENTICATED"),
    ("reader", "metadata", 401, "UNAUTHENTICATED"),
    (api_keys.hash_of("reader-key"), "metadata", 401, "UNAUTHENTICATED"),
    ("", "logging", 401, "UNAUTHENTICATED"),
]
HTTP = {
    "health": ("GET", "/v2/health/live"),
    "metadata": ("GET", "/v2"),
    "inference": ("POST", "/v2/models/simple/infer"),
    "statistics": ("GET", "/v2/models/stats"),
    "repository": ("POST", "/v2/repository/index"),
    "logging": ("GET", "/v2/logging"),
}
GRPC = {
    "health": "ServerLive",
    "metadata": "ServerMetadata",
    "inference": "ModelInfer",
    "statistics": "ModelStatistics",
    "repository": "RepositoryIndex",
    "logging": "LogSettings",
}


@pytest.mark.parametrize("header", ["authorization", "x-api-key"])
@pytest.mark.parametrize(("key", "api", "status", "code"), CASES)
def test_each_key_opens_its_apis(
    server: ServerProcess, client: GrpcClient, header: str, key: str, api: str, status: int, code: str
) -> None:
    value = f"Bearer {key}" if header == "authorization" else key
    headers = {header: value} if key else {}
    method, path = HTTP[api]
    answer = http_call(server.http, path, headers, b"{}" if method == "POST" else None)
    assert answer.status == status, answer
    assert (answer.headers.get("www-authenticate") == CHALLENGE) == (status == 401)
    if status != 200:
        assert key not in answer.error or not key
    assert client.code(GRPC[api], b"", headers) == code


def test_another_scheme_is_no_way_to_be_nobody(server: ServerProcess) -> None:
    for value in ("Basic cmVhZGVyOmtleQ==", "Bearer", "Bearer ", "reader-key"):
        assert http_call(server.http, "/v2/health/live", {"Authorization": value}).status == 401


def test_reflection_needs_metadata(client: GrpcClient) -> None:
    path = "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo"
    with pytest.raises(grpc.RpcError) as refused:
        client.stream(path, [b"\x3a\x01*"])
    assert refused.value.code() is grpc.StatusCode.UNAUTHENTICATED
    assert client.stream(path, [b"\x3a\x01*"], {"x-api-key": "reader-key"})


def test_the_rate_counts_both_protocols_together(server: ServerProcess, client: GrpcClient) -> None:
    headers = {"x-api-key": "slow-key"}
    assert http_call(server.http, "/v2", headers).status == 200
    assert client.code("ServerMetadata", b"", headers) == "OK"
    assert http_call(server.http, "/v2", headers).status == 200
    for _ in range(4):
        refused = http_call(server.http, "/v2", headers)
        assert refused.status == 429
        assert 0 < int(refused.headers["retry-after"]) <= 1200
        assert "slow" in refused.error
        with pytest.raises(grpc.RpcError) as error:
            client.call("ServerMetadata", b"", headers)
        assert error.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
        trailing = dict(error.value.trailing_metadata())
        assert 0 < int(trailing["grpc-retry-pushback-ms"]) <= 1_200_000
    assert http_call(server.http, "/v2", {"x-api-key": "reader-key"}).status == 200


def test_a_stream_counts_each_message(client: GrpcClient) -> None:
    request = messages.ModelInferRequest(model_name="nobody", id="7").SerializeToString()
    answers = client.stream("ModelStreamInfer", [request] * 4, {"x-api-key": "slow-stream-key"})
    texts = [messages.ModelStreamInferResponse.FromString(answer).error_message for answer in answers]
    assert len(texts) == 4
    assert sum("sends more requests than its rate allows" in text for text in texts) == 2, texts
    assert sum("nobody" in text for text in texts) == 2
    # The stream itself costs nothing, and a stream that nobody may open is not opened.
    assert client.stream("ModelStreamInfer", [], {"x-api-key": "slow-stream-key"}) == []
    with pytest.raises(grpc.RpcError) as refused:
        client.stream("ModelStreamInfer", [request], {"x-api-key": "nobody"})
    assert refused.value.code() is grpc.StatusCode.UNAUTHENTICATED


def until(check: Callable[[], bool], seconds: float = 20) -> None:
    deadline, pause = time.monotonic() + seconds, threading.Event()
    while not check():
        assert time.monotonic() < deadline
        pause.wait(0.05)


def test_keys_come_and_go_while_it_serves(tmp_path: Path) -> None:
    keys = tmp_path / "keys"
    write(keys, KEYS)
    with serve(f"--model-repository={MODELS}", f"--api-keys-file={keys}") as server, GrpcClient(server.grpc) as client:
        new = {"Authorization": "Bearer new-key"}
        metadata = {"authorization": "Bearer new-key"}
        assert http_call(server.http, "/v2", new).status == 401
        assert client.code("ServerMetadata", b"", metadata) == "UNAUTHENTICATED"
        write(keys, f"anonymous - health\nnew {api_keys.hash_of('new-key')} metadata,inference\n")
        until(lambda: http_call(server.http, "/v2", new).status == 200)
        until(lambda: client.code("ServerMetadata", b"", metadata) == "OK")
        assert http_call(server.http, "/v2", {"x-api-key": "reader-key"}).status == 401

        # A stream that is open ends with its key.
        gone = threading.Event()

        def requests() -> Iterator[bytes]:
            request = messages.ModelInferRequest(model_name="nobody").SerializeToString()
            yield request
            write(keys, "anonymous - health\n")
            until(lambda: client.code("ServerMetadata", b"", metadata) == "UNAUTHENTICATED")
            gone.set()
            yield request

        answers = client.stream("ModelStreamInfer", requests(), metadata)
        texts = [messages.ModelStreamInferResponse.FromString(answer).error_message for answer in answers]
        assert gone.is_set()
        assert "nobody" in texts[0]
        assert texts[1] == "Unauthenticated: there is no such API key."

        # What cannot be read changes nothing, and is said.
        write(keys, "alice nonsense *\n")

        def told() -> bool:
            assert http_call(server.http, "/v2/health/live").status == 200
            return "the API keys stay as they were" in server.text()

        until(told)
        assert f"{keys}, line 1: alice: the key's hash was expected" in server.text()


@pytest.mark.parametrize("damage", ["missing", "garbage", "writable"])
def test_what_cannot_be_used_is_no_start(tmp_path: Path, damage: str) -> None:
    keys = tmp_path / "keys"
    if damage != "missing":
        keys.write_text("alice nonsense *" if damage == "garbage" else KEYS)
        keys.chmod(0o666 if damage == "writable" else 0o600)
    env = environment(TRITON_LITE_API_KEYS_FILE=str(keys), TRITON_LITE_RUNTIME_DIR=str(tmp_path / "run"))
    for command in (
        ["triton_lite.cli.main", "serve", str(MODELS)],
        ["triton_lite.frontends.grpc.main", "--grpc-port=0"],
        ["gunicorn", "triton_lite.frontends.http:app", "-b", "127.0.0.1:0"],
    ):
        done = subprocess.run([sys.executable, "-m", *command], capture_output=True, text=True, env=env, timeout=60)
        assert done.returncode != 0, command
        assert 'Bad option: "--api-keys-file".' in done.stderr
        assert str(keys) in done.stderr


def test_made_keys_work(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "triton_lite.cli.main", "key", "alice", "--apis=metadata,health", "--rate=100/s"]
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=environment())
    key = done.stderr.strip()
    assert key not in done.stdout
    entry = api_keys.parse(done.stdout).find(key)
    assert entry is not None
    assert (entry.name, entry.apis) == ("alice", frozenset({"metadata", "health"}))
    wrong = subprocess.run([*command, "--apis=all"], capture_output=True, text=True, env=environment())
    assert wrong.returncode == 2
    assert "unknown API 'all'" in wrong.stderr


def test_commands_send_their_key(tmp_path: Path) -> None:
    keys = tmp_path / "keys"
    write(keys, KEYS)
    with serve(f"--model-repository={MODELS}", f"--api-keys-file={keys}") as server:
        command = [sys.executable, "-m", "triton_lite.cli.main", "model", "index", f"--url=http://{server.http}"]
        run = partial(subprocess.run, capture_output=True, text=True)
        for arguments, env in (
            ([*command, "--api-key=operator-key"], environment()),
            (command, environment(TRITON_LITE_API_KEY="operator-key")),
        ):
            done = run(arguments, env=env)
            assert done.returncode == 0, done.stderr
            assert "simple" in done.stdout
        refused = run([*command, "--api-key=reader-key"], env=environment())
        assert refused.returncode != 0
        assert "does not open the API 'model-repository'" in refused.stderr
