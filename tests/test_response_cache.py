"""The response cache, in memory and in a real Redis: answers stay right whatever becomes of the cache."""

from __future__ import annotations

import contextlib
import re
import shutil
import socket
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import trustme
from repositories import MODELS

import triton_lite
from triton_lite.engine.redis_cache import PASSWORD_VARIABLE, USERNAME_VARIABLE, RedisSettings
from triton_lite.engine.response_cache import check_cache_config
from triton_lite.errors import TritonError


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    shutil.copytree(MODELS / "simple", tmp_path / "simple")
    config = tmp_path / "simple" / "config.pbtxt"
    config.write_text(config.read_text() + "\nresponse_cache { enable: true }\n")
    return tmp_path


class Redis:
    """A redis-server of its own; with TLS it takes nothing else."""

    def __init__(self, folder: Path, *arguments: str, tls: bool = False) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        ports = ["--port", "0", "--tls-port", str(self.port)] if tls else ["--port", str(self.port)]
        command = ["redis-server", *ports, "--bind", "127.0.0.1", "--save", "", "--dir", str(folder)]
        self._process = subprocess.Popen([*command, *arguments], stdout=subprocess.PIPE, text=True)
        assert self._process.stdout is not None
        said: list[str] = []
        for line in self._process.stdout:
            said.append(line)
            if "Ready to accept connections" in line:
                return
        raise AssertionError(f"redis-server ended: {''.join(said)}")

    @property
    def config(self) -> dict[str, dict[str, str]]:
        return {"redis": {"host": "127.0.0.1", "port": str(self.port)}}

    def stop(self) -> None:
        self._process.kill()
        self._process.wait()


@pytest.fixture
def redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Redis]:
    if shutil.which("redis-server") is None:
        pytest.skip("no redis-server (Debian package redis-server)")
    server = Redis(tmp_path_factory.mktemp("redis"))
    yield server
    server.stop()


def tls_is_built_in() -> bool:
    """Whether the redis-server knows what TLS is."""
    command = ["redis-server", "--port", "0", "--tls-port", "0"]  # It ends at once: there is nothing to listen on.
    said = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    return "Bad directive" not in said.stdout + said.stderr


class TlsFiles:
    """Certificates of a Redis server, of its clients, and of somebody whom neither knows."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        authority, stranger = trustme.CA(), trustme.CA()
        authority.cert_pem.write_to_path(folder / "root.pem")
        stranger.cert_pem.write_to_path(folder / "stranger-root.pem")
        self._write("server", authority.issue_cert("127.0.0.1", "localhost"))
        self._write("elsewhere", authority.issue_cert("elsewhere.example.org"))
        self._write("client", authority.issue_cert("client@example.org"))
        self._write("stranger", stranger.issue_cert("client@example.org"))

    def _write(self, name: str, cert: trustme.LeafCert) -> None:
        (self.folder / f"{name}.pem").write_bytes(b"".join(pem.bytes() for pem in cert.cert_chain_pems))
        cert.private_key_pem.write_to_path(self.folder / f"{name}-key.pem")

    def path(self, name: str) -> str:
        return str(self.folder / f"{name}.pem")

    def server(self, name: str = "server") -> list[str]:
        """Options of a redis-server that asks clients for certificates."""
        files = {"cert-file": name, "key-file": f"{name}-key", "ca-cert-file": "root"}
        return [text for option, file in files.items() for text in (f"--tls-{option}", self.path(file))]

    def client(self, name: str = "client", root: str = "root") -> dict[str, str]:
        """Settings of the cache."""
        own = {"cert": self.path(name), "key": self.path(f"{name}-key")} if name else {}
        return {"tls_enabled": "true", "cacert": self.path(root), **own}


@pytest.fixture(scope="module")
def tls_files(tmp_path_factory: pytest.TempPathFactory) -> TlsFiles:
    if shutil.which("redis-server") is None:
        pytest.skip("no redis-server (Debian package redis-server)")
    if not tls_is_built_in():
        pytest.skip("this redis-server was built without TLS")
    return TlsFiles(tmp_path_factory.mktemp("tls"))


@pytest.fixture
def tls_redis(tls_files: TlsFiles, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Redis]:
    server = Redis(tmp_path_factory.mktemp("redis"), *tls_files.server(), tls=True)
    yield server
    server.stop()


def with_settings(redis: Redis, **settings: str) -> dict[str, dict[str, str]]:
    """A cache configuration with more than the address."""
    return {"redis": redis.config["redis"] | settings}


def refusal(repository: Path, config: dict[str, dict[str, str]]) -> str:
    """Why a server does not start with this cache."""
    with pytest.raises(TritonError) as refused:
        triton_lite.Server(repository, cache_config=config).start()
    return str(refused.value)


def check(server: triton_lite.Server, value: int) -> None:
    ones = np.ones((1, 16), np.int32)
    outputs = server.model("simple").infer({"INPUT0": ones * value, "INPUT1": ones}).outputs
    assert np.array_equal(outputs["OUTPUT0"].to_numpy(), ones * (value + 1))
    assert np.array_equal(outputs["OUTPUT1"].to_numpy(), ones * (value - 1))


def test_local_cache(repository: Path) -> None:
    with triton_lite.Server(repository, cache_config={"local": {"size": "3000"}}) as server:
        for value in [*range(20), *range(20), 3, 3]:
            check(server, value)
        page = server.metrics()
    counted = {
        name: int(re.findall(rf'^nv_cache_num_{name}_per_model{{.*model="simple".*}} (\d+)$', page, re.M)[0])
        for name in ("hits", "misses")
    }
    # There is no room for all of them, but for the last one.
    assert counted["hits"] >= 1
    assert counted["misses"] > 20
    assert sum(counted.values()) == 42


@contextlib.contextmanager
def watched(redis: Redis, files: TlsFiles | None = None, client: Any = None) -> Iterator[Callable[[int], list[bytes]]]:
    """Yield what waits until so many keys were set since, and returns them in their order."""
    tls: dict[str, Any] = {}
    if files is not None:
        names = {"ssl_certfile": "client", "ssl_keyfile": "client-key", "ssl_ca_certs": "root"}
        tls = {"ssl": True, **{argument: files.path(name) for argument, name in names.items()}}
    client = client or pytest.importorskip("redis").Redis(host="127.0.0.1", port=redis.port, **tls)
    client.config_set("notify-keyspace-events", "E$")
    with client.pubsub() as events:
        events.psubscribe("__keyevent@*__:set")
        assert events.get_message(timeout=20) is not None  # From now on.

        def wait(count: int) -> list[bytes]:
            keys: dict[bytes, None] = {}
            while len(keys) < count:
                message = events.get_message(ignore_subscribe_messages=True, timeout=20)
                assert message is not None, keys
                keys[message["data"]] = None
            return list(keys)

        yield wait


def test_redis_outlives_the_server(repository: Path, redis: Redis) -> None:
    with watched(redis) as keys, triton_lite.Server(repository, cache_config=redis.config) as server:
        check(server, 1)
        check(server, 2)
        (first, _) = keys(2)
    with triton_lite.Server(repository, cache_config=redis.config) as server:
        check(server, 1)
        check(server, 2)
    client = pytest.importorskip("redis").Redis(port=redis.port)
    assert client.info("stats")["keyspace_hits"] >= 2
    assert first.startswith(b"triton_lite:1:")


def test_nonsense_in_redis_is_a_miss(repository: Path, redis: Redis) -> None:
    client = pytest.importorskip("redis").Redis(port=redis.port)
    with watched(redis) as keys, triton_lite.Server(repository, cache_config=redis.config) as server:
        check(server, 5)
        (key,) = keys(1)
        whole = client.get(key)
        for nonsense in (b"", b"x" * 100, whole[:-1], whole + b"x", whole[:8] + b"\xff" * (len(whole) - 8)):
            client.set(key, nonsense)
            check(server, 5)


def test_without_redis_models_answer(repository: Path, redis: Redis) -> None:
    with triton_lite.Server(repository, cache_config=redis.config) as server:
        check(server, 1)
        redis.stop()
        for value in range(50):
            check(server, value)


def test_redis_has_to_be_there_at_the_start(repository: Path) -> None:
    pytest.importorskip("redis")
    config = {"redis": {"host": "localhost", "port": "nonexistent"}}
    with pytest.raises(TritonError, match=r"Failed to connect to Redis \(localhost:0\): "):
        triton_lite.Server(repository, cache_config=config).start()


def test_hits_come_through_tls(repository: Path, tls_redis: Redis, tls_files: TlsFiles) -> None:
    config = with_settings(tls_redis, **tls_files.client())
    with watched(tls_redis, tls_files) as keys, triton_lite.Server(repository, cache_config=config) as server:
        check(server, 1)
        (key,) = keys(1)
        assert key.startswith(b"triton_lite:1:")
        check(server, 1)
        hits = re.findall(r'^nv_cache_num_hits_per_model{.*model="simple".*} (\d+)$', server.metrics(), re.M)
    assert hits == ["1"]


def test_a_tls_redis_and_its_clients_know_each_other(repository: Path, tls_redis: Redis, tls_files: TlsFiles) -> None:
    prefix = "Failed to initialize RedisCache: "
    for settings in (
        {},  # Without TLS.
        tls_files.client(root="stranger-root"),
        tls_files.client(name=""),
        tls_files.client(name="stranger"),
        {**tls_files.client(), "cacert": "/nonexistent.pem"},
        {**tls_files.client(), "cert": "/nonexistent.pem"},
    ):
        assert prefix in refusal(repository, with_settings(tls_redis, **settings)), settings


def test_the_name_in_the_certificate_of_redis_counts(
    repository: Path, tls_files: TlsFiles, tmp_path_factory: pytest.TempPathFactory
) -> None:
    redis = Redis(tmp_path_factory.mktemp("redis"), *tls_files.server("elsewhere"), tls=True)
    try:
        assert "127.0.0.1" in refusal(repository, with_settings(redis, **tls_files.client()))
        config = with_settings(redis, **tls_files.client(), sni="elsewhere.example.org")
        with triton_lite.Server(repository, cache_config=config) as server:
            check(server, 1)
    finally:
        redis.stop()


@pytest.fixture
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Redis]:
    """A Redis with a password for everybody and a user of the cache's own, who may do only what it needs."""
    if shutil.which("redis-server") is None:
        pytest.skip("no redis-server (Debian package redis-server)")
    user = ["--user", "cache", "on", ">its-own", "~triton_lite:*", "-@all", "+get", "+set", "+ping"]
    server = Redis(tmp_path_factory.mktemp("redis"), "--requirepass", "everybody's", *user)
    yield server
    server.stop()


@pytest.mark.parametrize(
    ("settings", "variables"),
    [
        ({"password": "everybody's"}, {}),
        ({"user": "cache", "password": "its-own"}, {}),
        ({}, {USERNAME_VARIABLE: "cache", PASSWORD_VARIABLE: "its-own"}),
        ({"password": "its-own"}, {USERNAME_VARIABLE: "cache", PASSWORD_VARIABLE: "wrong"}),
    ],
    ids=["password", "user", "environment", "both"],
)
def test_credentials_open_a_guarded_redis(
    repository: Path,
    guarded: Redis,
    settings: dict[str, str],
    variables: dict[str, str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    client = pytest.importorskip("redis").Redis(port=guarded.port, password="everybody's")
    config = with_settings(guarded, **settings)
    with watched(guarded, client=client) as keys, triton_lite.Server(repository, cache_config=config) as server:
        check(server, 3)
        keys(1)
        check(server, 3)
    assert client.info("stats")["keyspace_hits"] == 1


@pytest.mark.parametrize(
    ("settings", "word"),
    [
        ({}, "NOAUTH"),
        ({"password": "wrong"}, "WRONGPASS"),
        ({"user": "cache", "password": "everybody's"}, "WRONGPASS"),
    ],
    ids=["none", "password", "user"],
)
def test_a_guarded_redis_stays_shut(repository: Path, guarded: Redis, settings: dict[str, str], word: str) -> None:
    assert f"Failed to initialize RedisCache: {word}" in refusal(repository, with_settings(guarded, **settings))


def test_credentials() -> None:
    address = {"host": "h", "port": "1"}
    environment = {USERNAME_VARIABLE: "u", PASSWORD_VARIABLE: "p"}
    arguments = RedisSettings.read(address, environment).arguments
    assert (arguments["username"], arguments["password"]) == ("u", "p")
    assert RedisSettings.read({**address, "password": "q"}, environment).arguments["password"] == "q"
    assert RedisSettings.read(address, {}).arguments["password"] is None


@pytest.mark.parametrize(
    ("config", "text"),
    [
        ({"local": {}}, "Failed to initialize LocalCache: config didn't contain a valid 'size' field."),
        ({"local": {"size": "x"}}, "Failed to initialize LocalCache: 'size' has to be"),
        ({"local": {"size": "0"}}, "Failed to initialize LocalCache: 'size' has to be"),
        ({"local": {"size": "1"}, "redis": {"key": "value"}}, "found multiple cache configurations"),
        ({"other": {"size": "1"}}, "unable to find 'libtritoncache_other.so' for cache."),
    ],
    ids=str,
)
def test_refuses(config: dict[str, dict[str, str]], text: str) -> None:
    with pytest.raises(TritonError, match=text):
        check_cache_config(config)


def test_redis_needs_an_address() -> None:
    with pytest.raises(TritonError, match="Must at a minimum specify 'host' and 'port'"):
        RedisSettings.read({"port": "1"})
