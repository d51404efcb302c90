"""Connections of clients that are gone end, and the sockets that accept them are found."""

from __future__ import annotations

import socket

from triton_lite.launch.dead_peers import end_dead_connections, listeners


def test_what_is_accepted_is_looked_after() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        end_dead_connections(listener)
        with socket.create_connection(listener.getsockname()):
            accepted, _ = listener.accept()
            with accepted:
                assert accepted.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
                assert 0 < accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE) <= 600
                assert 0 < accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) <= 3_600_000


def test_listeners_of_a_port_are_found() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener, socket.create_server(("127.0.0.1", 0)) as other:
        port = listener.getsockname()[1]
        with socket.create_connection(listener.getsockname()), listeners(port) as found:
            assert [sock.getsockname() for sock in found] == [listener.getsockname()]
            end_dead_connections(found[0])
        assert listener.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
        assert not other.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
        listener.getsockname()  # Still open.
