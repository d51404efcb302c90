"""A response cache in a Redis server: a few threads take lookups and answers from the data plane, which never waits.

Whatever goes wrong with Redis once the server runs is a miss.
"""

from __future__ import annotations

import hashlib
import logging
import os
import re
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from triton_lite.errors import Code, TritonError

if TYPE_CHECKING:
    from triton_lite._native import Engine, RemoteCacheTask

_log = logging.getLogger(__name__)

USERNAME_VARIABLE = "TRITONCACHE_REDIS_USERNAME"
PASSWORD_VARIABLE = "TRITONCACHE_REDIS_PASSWORD"
_KEY_PREFIX = b"triton_lite:1:"
_TIMEOUT_MILLISECONDS = 250
_POLL_SECONDS = 1.0
_IDLE_SECONDS = 0.05
# What redis-py leaves out of a server's errors.
_ERROR_WORDS = {"Authentication required": "NOAUTH", "invalid username-password": "WRONGPASS"}


@dataclass(frozen=True)
class RedisSettings:
    """What --cache-config redis,… says. Times in seconds; arguments: of `redis.Redis`.

    server_name: that its certificate has to have, and that it is asked for; empty: the host.
    """

    host: str
    port: int
    arguments: dict[str, Any]
    threads: int
    pause: float
    server_name: str = ""

    @classmethod
    def read(cls, config: Mapping[str, str], environment: Mapping[str, str] = os.environ) -> RedisSettings:
        """Read the settings; credentials in them win over those of the environment. Raises TritonError."""
        if "host" not in config or "port" not in config:
            raise TritonError(
                Code.INVALID_ARGUMENT,
                "Failed to initialize RedisCache, didn't specify address. Must at a minimum specify 'host' and 'port'"
                " in the configuration - e.g. tritonserver --cache-config redis,host=redis --cache-config"
                " redis,port=6379 --model-repository=/models ...",
            )
        arguments: dict[str, Any] = {
            "username": config.get("user", environment.get(USERNAME_VARIABLE)) or None,
            "password": config.get("password", environment.get(PASSWORD_VARIABLE)) or None,
            "db": _number(config, "db", 0),
            "socket_connect_timeout": _number(config, "connect_timeout", _TIMEOUT_MILLISECONDS) / 1000,
            "socket_timeout": _number(config, "socket_timeout", _TIMEOUT_MILLISECONDS) / 1000,
        }
        server_name = ""
        if config.get("tls_enabled") == "true":
            arguments |= _tls(config)
            server_name = config.get("sni", "")
        threads = min(64, _number(config, "pool_size", 4))
        pause = _number(config, "wait_timeout", 1000) / 1000
        return cls(config["host"], _atoi(config["port"]), arguments, threads, pause, server_name)


def _tls(config: Mapping[str, str]) -> dict[str, Any]:
    names = {"cert": "ssl_certfile", "key": "ssl_keyfile", "cacert": "ssl_ca_certs", "cacert_dir": "ssl_ca_path"}
    files = {argument: config[name] for name, argument in names.items() if name in config}
    return {"ssl": True, "ssl_check_hostname": True, **files}  # Not every version of the client checks the name.


def _atoi(text: str) -> int:
    """Read a number as Triton's cache does: what is none is 0."""
    found = re.match(r"\s*[+-]?\d+", text)
    return int(found.group()) if found else 0


def _number(config: Mapping[str, str], name: str, default: int) -> int:
    return max(0, _atoi(config.get(name, ""))) or default


def connect(settings: RedisSettings) -> Any:
    """Make a client that never retries, and see that the server answers. Raises TritonError(INTERNAL)."""
    try:
        import redis
        from redis.backoff import NoBackoff
        from redis.retry import Retry
    except ImportError:
        raise _failed("the Python package redis is not there: pip install 'triton-lite[redis]'") from None
    client: Any = redis.Redis(
        host=settings.host, port=settings.port, retry=Retry(NoBackoff(), 0), protocol=2, **settings.arguments
    )
    if settings.server_name:
        client.connection_pool.connection_class = _named_connection(settings.server_name)
    try:
        answered = client.ping()
    except (redis.RedisError, OSError, ValueError) as error:
        raise _failed(_reason(error, settings)) from None
    if not answered:
        raise _failed("Failed to ping Redis server.")
    return client


def _named_connection(server_name: str) -> type[Any]:
    """Return a class of TLS connections to a server that has another name than its host."""
    import redis

    class NamedConnection(redis.SSLConnection):
        def _wrap_socket_with_ssl(self, sock: Any) -> Any:
            # The client has no argument for it: it takes the host, which is of no other use from here on.
            client: Any = super()
            host, self.host = self.host, server_name
            try:
                return client._wrap_socket_with_ssl(sock)
            finally:
                self.host = host

    return NamedConnection


def _reason(error: Exception, settings: RedisSettings) -> str:
    cause = error.__context__ if isinstance(error.__context__, OSError) else error
    if isinstance(cause, OSError):
        what = cause.strerror or str(cause)
        return f"Failed to connect to Redis ({settings.host}:{settings.port}): {what}"
    text = str(error)
    word = next((word for start, word in _ERROR_WORDS.items() if text.startswith(start)), "")
    return f"{word} {text}".strip()


def _failed(why: str) -> TritonError:
    return TritonError(Code.INTERNAL, f"Failed to initialize RedisCache: {why}")


class RedisCache:
    """The threads between a data plane and Redis. Raises TritonError where the server does not answer."""

    def __init__(
        self, engine: Engine, config: Mapping[str, str], connect_client: Callable[[RedisSettings], Any] = connect
    ) -> None:
        self._engine = engine
        self._settings = RedisSettings.read(config)
        self._stopping = threading.Event()
        self._failing = False
        # A connection each: a client keeps as many as are used at once.
        self._client = connect_client(self._settings)
        self._threads = [
            threading.Thread(target=self._work, name=f"redis-cache-{index}", daemon=True)
            for index in range(self._settings.threads)
        ]
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """End the threads, after the engine was stopped."""
        self._stopping.set()
        for thread in self._threads:
            thread.join(timeout=_POLL_SECONDS + 1)
        self._client.close()

    def _work(self) -> None:
        while not self._stopping.is_set():
            task = self._engine.next_cache_task(_POLL_SECONDS)
            if task is None:
                self._stopping.wait(_IDLE_SECONDS)
                continue
            try:
                self._serve(task)
                self._failing = False
            except Exception as error:  # Whatever it is: the model answers instead.
                self._leave_out(error)
                if task.is_lookup:
                    task.missed()

    def _serve(self, task: RemoteCacheTask) -> None:
        if not task.is_lookup:
            self._client.set(task.key, task.value)
            return
        digest = hashlib.sha256()
        for part in task.content():
            digest.update(part)
        key = _KEY_PREFIX + digest.hexdigest().encode()
        value = self._client.get(key)
        if value is None:
            task.missed(key)
        else:
            task.found(value, key)

    def _leave_out(self, error: Exception) -> None:
        """Let everything miss for a while: what waits must not wait for the next time-out, too."""
        self._engine.suspend_cache(self._settings.pause)
        if not self._failing:
            self._failing = True
            _log.error("Redis: %s; its cache is left out until it answers again", _reason(error, self._settings))
