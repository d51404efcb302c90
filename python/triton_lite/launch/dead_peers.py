"""Clients that are gone without a word, or that take nothing any more: their connections end some time.

The system sees to it, for the connections of a listening socket that was told so.
"""

from __future__ import annotations

import contextlib
import os
import socket
import stat
from collections.abc import Iterator

# A client that sent nothing for so long is asked whether it is there, and gone when it does not answer.
_IDLE_SECONDS, _INTERVAL_SECONDS, _COUNT = 120, 30, 4
# One that takes nothing of what is sent for so long is gone too, even if its system still answers.
_STALLED_SECONDS = 600


def end_dead_connections(listener: socket.socket) -> None:
    """Have the connections that a listening socket accepts from now on end when their clients are gone."""
    settings = (
        (socket.SOL_SOCKET, "SO_KEEPALIVE", 1),
        (socket.IPPROTO_TCP, "TCP_KEEPIDLE", _IDLE_SECONDS),
        (socket.IPPROTO_TCP, "TCP_KEEPINTVL", _INTERVAL_SECONDS),
        (socket.IPPROTO_TCP, "TCP_KEEPCNT", _COUNT),
        (socket.IPPROTO_TCP, "TCP_USER_TIMEOUT", _STALLED_SECONDS * 1000),
    )
    for level, name, value in settings:
        option = getattr(socket, name, None)
        if option is not None:  # Not every system has each.
            listener.setsockopt(level, option, value)


@contextlib.contextmanager
def listeners(port: int) -> Iterator[list[socket.socket]]:
    """The sockets of this process that listen on a port, for the block: those of libraries that do not show them."""
    with contextlib.ExitStack() as stack:
        found = {}
        for name in _descriptors():
            sock = _socket(int(name))
            if sock is not None:
                stack.enter_context(sock)
                if _listens(sock) and sock.getsockname()[1] == port:
                    # By number: a copy may have the descriptor of what listed them, and come by again.
                    found[os.fstat(sock.fileno()).st_ino] = sock
        yield list(found.values())


def _descriptors() -> list[str]:
    try:
        return os.listdir("/proc/self/fd")
    except OSError:  # Of another system.
        return []


def _socket(descriptor: int) -> socket.socket | None:
    """Another descriptor of a socket; None for what is none."""
    try:
        if not stat.S_ISSOCK(os.fstat(descriptor).st_mode):
            return None
        copy = os.dup(descriptor)
    except OSError:  # Closed meanwhile.
        return None
    try:
        return socket.socket(fileno=copy)
    except OSError:
        os.close(copy)
        return None


def _listens(sock: socket.socket) -> bool:
    if sock.family not in (socket.AF_INET, socket.AF_INET6):
        return False
    return bool(sock.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN))
