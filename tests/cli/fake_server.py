"""`triton-lite serve` with other programs in the place of its own. First argument: how they behave."""

from __future__ import annotations

import signal
import socket
import sys
from pathlib import Path

from triton_lite.cli.children import Programs
from triton_lite.cli.serve import serve
from triton_lite.frontends import ready
from triton_lite.launch import options

ENGINE = Path(__file__).resolve().parents[1] / "launch" / "fake_engine.py"


def front_end(kind: str, behaviour: str) -> int:
    """Hold the port, say that it is there, and wait for a signal."""
    settings = options()
    if behaviour == f"broken {kind}":
        return 5
    if kind == "gRPC":
        listener = socket.socket()
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((settings["grpc-address"], settings["grpc-port"]))
        listener.listen()
    if behaviour == f"stubborn {kind}":
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
    ready.announce(settings["http-port"])
    if behaviour == f"dying {kind}":
        return 6
    while True:
        signal.pause()


def main() -> int:
    name, behaviour, *arguments = sys.argv[1:]
    if name == "front end":
        return front_end(behaviour, arguments[0])
    here = (sys.executable, __file__, "front end")
    return serve(
        arguments,
        Programs(
            engine=(sys.executable, str(ENGINE), "--behaviour", behaviour),
            http=(*here, "HTTP", behaviour),
            grpc=(*here, "gRPC", behaviour),
        ),
    )


if __name__ == "__main__":
    sys.exit(main())
