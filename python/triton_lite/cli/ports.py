"""The server's ports: taken before anything is started, so that a port in use is one clear message.

The HTTP and the metrics port are listened on here, and their sockets handed on: connections that come before a front
end is up wait. gRPC opens its port itself; it is held for it by a socket that is bound and never listens.
"""

from __future__ import annotations

import contextlib
import errno
import os
import socket
from collections.abc import Iterator
from dataclasses import dataclass

from triton_lite.launch.dead_peers import end_dead_connections
from triton_lite.launch.file_lock import FileLock
from triton_lite.launch.runtime_folder import runtime_folder
from triton_lite.options import OptionError, Settings
from triton_lite.options.rules import metrics_address

_BACKLOG = 2048
# Another server that starts may be looking whether a lock is a dead one's.
_LOCK_SECONDS = 0.3


@dataclass(frozen=True)
class Port:
    """A port that this server holds. `number` is what the system chose where 0 was asked for."""

    address: str
    number: int
    socket: socket.socket

    @property
    def host(self) -> str:
        """Where a client on this machine finds it."""
        return {"0.0.0.0": "localhost", "::": "localhost", "": "localhost"}.get(self.address, self.address)

    @property
    def text(self) -> str:
        """ADDRESS:PORT, as it is logged."""
        return f"[{self.address}]:{self.number}" if ":" in self.address else f"{self.address}:{self.number}"


@dataclass(frozen=True)
class Ports:
    """The ports of the services that are allowed; None for the others."""

    http: Port | None
    grpc: Port | None
    metrics: Port | None
    http_admin: Port | None = None
    grpc_admin: Port | None = None


@contextlib.contextmanager
def claim_ports(settings: Settings) -> Iterator[Ports]:
    """Hold the server's ports for the block. Raises OptionError naming the option if one is taken."""
    with contextlib.ExitStack() as stack:

        def claim(name: str, address: str, listen: bool, reuse: bool) -> Port | None:
            if not settings[f"allow-{name}"]:
                return None
            return stack.enter_context(_claim(settings, name, address, listen, reuse))

        yield Ports(
            claim("http", settings["http-address"], True, settings["reuse-http-port"]),
            claim("grpc", settings["grpc-address"], False, settings["reuse-grpc-port"]),
            claim("metrics", metrics_address(settings.values), True, False),
            *(
                stack.enter_context(_claim(settings, f"{name}-admin", settings["admin-address"], listen, False))
                if settings["admin-address"] and settings[f"allow-{name}"]
                else None
                for name, listen in (("http", True), ("grpc", False))
            ),
        )


@contextlib.contextmanager
def _claim(settings: Settings, name: str, address: str, listen: bool, reuse: bool) -> Iterator[Port]:
    wanted: int = settings[f"{name}-port"]
    with contextlib.ExitStack() as stack:
        if wanted:
            # Ports that several processes of one server share are shared with whoever asks for it: this lock refuses
            # a second server, which the kernel would let in.
            name_of_lock = f"port-{address.replace('/', '_')}-{wanted}{_network()}.lock"
            lock = stack.enter_context(FileLock(runtime_folder(settings) / name_of_lock, shared=reuse))
            if not lock.acquire(_LOCK_SECONDS):
                raise _taken(name, address, wanted, "by another triton-lite server")
        if not reuse:
            _check_free(name, address, wanted)
        bound = stack.enter_context(_bound(name, address, wanted, shared=reuse or not listen))
        if listen:
            end_dead_connections(bound)
            bound.listen(_BACKLOG)
        yield Port(address, bound.getsockname()[1], bound)


def _network() -> str:
    """What tells one network's ports from another's, where containers share a runtime folder."""
    try:
        return f"-{os.stat('/proc/self/ns/net').st_ino}"
    except OSError:
        return ""


def _check_free(name: str, address: str, port: int) -> None:
    """Without SO_REUSEPORT, binding says whether anybody listens there."""
    _bound(name, address, port, shared=False).close()


def _bound(name: str, address: str, port: int, shared: bool) -> socket.socket:
    family, kind, protocol, _, target = _resolve(name, address, port)
    opened = socket.socket(family, kind, protocol)
    try:
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if shared:
            opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        opened.bind(target)
        if not shared:
            opened.listen(1)  # With SO_REUSEADDR, binding alone succeeds beside another socket that is only bound.
    except OSError as error:
        opened.close()
        if error.errno == errno.EADDRINUSE:
            raise _taken(name, address, port, "by another process") from None
        raise OptionError(
            f'Bad option: "{_address_option(name)}" or "--{name}-port".\n{address}:{port}: {error}'
        ) from None
    return opened


def _resolve(name: str, address: str, port: int) -> tuple[int, int, int, str, tuple[object, ...]]:
    try:
        found = socket.getaddrinfo(address, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except OSError as error:
        raise OptionError(
            f'Bad option: "{_address_option(name)}".\n{address} is no address of this machine: {error}'
        ) from None
    return found[0]


def _address_option(name: str) -> str:
    return "--admin-address" if name.endswith("-admin") else f"--{name}-address"


def _taken(name: str, address: str, port: int, whom: str) -> OptionError:
    hint = "" if name not in ("http", "grpc") else f" or give --reuse-{name}-port=true to both servers"
    return OptionError(f"{address}:{port} is used {whom}; choose another port with --{name}-port{hint}")
