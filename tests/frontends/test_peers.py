"""frontends/peers.py: which clients are on this machine."""

from __future__ import annotations

import socket
from typing import Any

import falcon
import falcon.asgi
import pytest
from falcon import testing

from triton_lite.frontends import peers

LOOPBACK = ("127.0.0.1", "127.8.9.10", "::1", "::ffff:127.0.0.1", "::FFFF:7f00:1")
ELSEWHERE = ("10.0.0.1", "192.0.2.2", "0.0.0.0", "::", "fe80::1%eth0", "::ffff:10.0.0.1", "fd00::2", "128.0.0.1")
NO_ADDRESS = ("", "localhost", "127.0.0.1.example", "127.1", "unix:", "-", "127.0.0.1, 10.0.0.1")


@pytest.mark.parametrize("host", LOOPBACK)
def test_loopback(host: str) -> None:
    assert peers.is_loopback(host)
    assert peers.is_local_asgi({"client": (host, 1234), "server": ("10.0.0.1", 8000)})
    assert peers.is_local_wsgi({"REMOTE_ADDR": host})


@pytest.mark.parametrize("host", ELSEWHERE + NO_ADDRESS)
def test_elsewhere(host: str) -> None:
    assert not peers.is_loopback(host)
    assert not peers.is_local_asgi({"client": (host, 1234), "server": (host, 8000)})
    assert not peers.is_local_wsgi({"REMOTE_ADDR": host})


@pytest.mark.parametrize(
    ("client", "server", "local"),
    [
        (None, ("/run/socket", None), True),
        (None, ("/", "r"), True),  # gunicorn: the first two letters of the path.
        (("/", "t"), ("/", "r"), True),
        (("/run/client", None), ("/run/socket", None), True),
        (None, ("127.0.0.1", 8000), False),  # Reset before anybody asked for the address.
        (None, None, False),
        (None, (), False),
        (("10.0.0.1", 0), ("/run/socket", None), False),  # What a proxy that the server trusts says.
        (("127.0.0.1", 0), None, True),
    ],
)
def test_unix_sockets_over_asgi(client: Any, server: Any, local: bool) -> None:
    assert peers.is_local_asgi({"client": client, "server": server}) is local


def test_unix_sockets_over_wsgi() -> None:
    one, other = socket.socketpair()
    with one, other, socket.socket() as tcp:
        for address in ("", "/run/client", "\0abstract"):
            assert peers.is_local_wsgi({"REMOTE_ADDR": address, "gunicorn.socket": one})
            assert not peers.is_local_wsgi({"REMOTE_ADDR": address, "gunicorn.socket": tcp})
        assert not peers.is_local_wsgi({"REMOTE_ADDR": "10.0.0.1", "gunicorn.socket": one})
        assert not peers.is_local_wsgi({})


@pytest.mark.parametrize(
    ("peer", "local"),
    [
        ("ipv4:127.0.0.1:4321", True),
        ("ipv6:[::1]:4321", True),
        ("ipv6:%5B::1%5D:4321", True),
        ("ipv6:%5B::ffff:127.0.0.1%5D:4321", True),
        ("unix:", True),
        ("unix:/run/socket", True),
        ("unix-abstract:name", True),
        ("ipv4:10.0.0.1:4321", False),
        ("ipv4:128.0.0.1:127", False),
        ("ipv6:%5Bfe80::1%25eth0%5D:4321", False),
        ("ipv6:[fd00::2]:1", False),
        ("vsock:2:4321", False),
        ("unknown", False),
        ("", False),
    ],
)
def test_grpc(peer: str, local: bool) -> None:
    assert peers.is_local_grpc(peer) is local


def test_headers_say_nothing() -> None:
    forged = {
        "X-Forwarded-For": "127.0.0.1",
        "Forwarded": "for=127.0.0.1",
        "X-Real-IP": "127.0.0.1",
        "Remote-Addr": "127.0.0.1",
    }
    wsgi = falcon.Request(testing.create_environ(headers=forged, remote_addr="10.0.0.1"))
    asgi = falcon.asgi.Request(
        testing.create_scope(headers=forged, remote_addr="10.0.0.1"), testing.ASGIRequestEventEmitter()
    )
    assert not peers.is_local_http(wsgi)
    assert not peers.is_local_http(asgi)
    genuine = falcon.Request(testing.create_environ(headers={"X-Forwarded-For": "10.0.0.1"}, remote_addr="127.0.0.1"))
    assert peers.is_local_http(genuine)
