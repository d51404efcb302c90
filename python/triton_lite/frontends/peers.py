"""Which clients may use shared memory where --allow-client-shm is not given: those on this machine.

Only the connection says where a client is: the kernel's addresses, never a header. An address of this machine that is
no loopback address does not count: where addresses are translated, clients of other machines come from there.
"""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any
from urllib.parse import unquote

# What gRPC's core calls the sockets of this machine, before an address.
_LOCAL_GRPC = ("ipv4:127.", "unix:", "unix-abstract:")


@lru_cache(maxsize=1024)
def is_loopback(host: str) -> bool:
    """Tell whether an IP address is one of the loopback interface, IPv4 addresses in IPv6 included."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return False
    mapped = getattr(address, "ipv4_mapped", None)
    return bool((mapped or address).is_loopback)


def is_local_asgi(scope: dict[str, Any]) -> bool:
    """Tell whether the client of an ASGI connection is on this machine.

    A client without address counts only at a Unix socket: one of another machine that has gone already has none either.
    """
    client, server = _end(scope, "client"), _end(scope, "server")
    if client and isinstance(client[-1], int):
        return is_loopback(str(client[0]))
    # A Unix socket has no port. Its path is split by gunicorn as if it were an address.
    return bool(server) and not isinstance(server[-1], int)


def is_local_wsgi(environ: Mapping[str, Any]) -> bool:
    """Tell whether the client of a WSGI request is on this machine."""
    host = environ.get("REMOTE_ADDR", "")
    if is_loopback(host):
        return True
    sock = environ.get("gunicorn.socket")
    return getattr(sock, "family", None) == socket.AF_UNIX and not _is_address(host)


def is_local_http(req: Any) -> bool:
    """Tell whether the client of a request of Falcon's is on this machine."""
    return is_local_asgi(req.scope) if hasattr(req, "scope") else is_local_wsgi(req.env)


def is_local_grpc(peer: str) -> bool:
    """Tell whether a client is on this machine, by what gRPC's core calls it."""
    return peer.startswith(_LOCAL_GRPC) or is_loopback(_grpc_host(peer))


def client_of(scope: dict[str, Any]) -> tuple[Any, ...] | None:
    """Return the client of an ASGI connection, if somebody knows."""
    client: Any = scope.get("client")
    return client if type(client) is tuple or client is None else tuple(_end(scope, "client"))


def _end(scope: dict[str, Any], name: str) -> Sequence[Any]:
    """Return an end of the connection; empty when nobody knows."""
    end: Any = scope.get(name) or ()
    if isinstance(end, (tuple, list)):
        return end
    # ASGI allows iterables, which can be looked through only once; others come after us.
    parts = scope[name] = tuple(end)
    return parts


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _grpc_host(peer: str) -> str:
    address = unquote(peer).partition(":")[2]
    return address.rpartition(":")[0].strip("[]")
