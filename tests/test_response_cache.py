"""The response cache, in memory and in a real Redis: answers stay right whatever becomes of the cache."""

from __future__ import annotations

import contextlib
import re
import shutil
import socket
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
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
    """A redis-server of its own."""

    def __init__(self, folder: Path, *arguments: str) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        command = ["redis-server", "--port", str(self.port), "--bind", "127.0.0.1", "--save", "", "--dir", str(folder)]
        self._process = subprocess.Popen([*command, *arguments], stdout=subprocess.PIPE, text=True)
        assert self._process.stdout is not None
        for line in self._process.stdout:
            if "Ready to accept connections" in line:
                return
        raise AssertionError("redis-server ended")

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
def watched(redis: Redis) -> Iterator[Callable[[int], list[bytes]]]:
    """Yield what waits until so many keys were set since, and returns them in their order."""
    client = pytest.importorskip("redis").Redis(port=redis.port)
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
