"""Several server processes on one port: started (never forked), watched and ended together."""

from __future__ import annotations

import logging
import os
import select
import signal
import socket
import subprocess
import sys
import time
from types import FrameType

from triton_lite.frontends import ready
from triton_lite.launch.restarts import Restarts

_PARENT = "TRITON_LITE_PARENT_FD"
CRASH_LOOP = 70
"""The exit status when processes do not stay up (EX_SOFTWARE)."""

_log = logging.getLogger("triton_lite.grpc")


def parent_descriptor() -> int | None:
    """Return the descriptor that closes when the supervisor of this process ends; None if it has none."""
    text = os.environ.pop(_PARENT, "")
    return int(text) if text.isdigit() else None


def supervise(address: str, port: int, count: int, arguments: list[str]) -> int:
    """Run `count` server processes on one port until SIGTERM or SIGINT; returns the exit status.

    `arguments`: the options that they get. Raises OSError when the port is taken.
    """
    with reserve(address, port) as reserved:
        group = _Group([*arguments, f"--grpc-port={reserved.getsockname()[1]}"], count)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, group.stop)
        group.start()
        if group.wait_until_ready():
            ready.announce(reserved.getsockname()[1])
        return group.run()


def reserve(address: str, port: int) -> socket.socket:
    """Bind the port, so that others who do not share it are refused; nothing listens on it yet.

    Raises OSError when somebody has it, sharing or not.
    """
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    try:
        with socket.socket(family, socket.SOCK_STREAM) as alone:
            alone.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            alone.bind((address, port))
            port = alone.getsockname()[1]
        shared = socket.socket(family, socket.SOCK_STREAM)
        shared.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        shared.bind((address, port))
    except OSError:
        raise OSError(f"Socket '{address}:{port}' already in use ") from None
    return shared


class _Group:
    """The processes. They end when told to, or when this process does (their end of a pipe closes)."""

    def __init__(self, arguments: list[str], count: int) -> None:
        self._command = [sys.executable, "-m", "triton_lite.frontends.grpc.main", *arguments]
        self._count = count
        self._alive, self._held = os.pipe()
        self._stopping = False
        self._running: set[subprocess.Popen[bytes]] = set()
        # One for all: they are the same program, and end for the same reasons.
        self._restarts = Restarts()
        self._ready: list[int] = []

    def start(self) -> None:
        for _ in range(self._count):
            self._start_one()

    def stop(self, number: int = 0, frame: FrameType | None = None) -> None:
        self._stopping = True
        for process in self._running:
            process.send_signal(signal.SIGTERM)

    def wait_until_ready(self) -> bool:
        """Wait until each process listens. False if one ended first."""
        waiting = list(self._ready)
        served = 0
        while waiting:
            for descriptor in select.select(waiting, [], [])[0]:
                served += bool(os.read(descriptor, 64))
                waiting.remove(descriptor)
                os.close(descriptor)
        self._ready.clear()
        self._restarts.serves()
        return served == self._count

    def run(self) -> int:
        """Start again what ends by itself; return when all ended after `stop`, or because they do not stay up."""
        status_of_all = 0
        while self._running:
            ended, status = os.waitpid(-1, 0)
            process = next((each for each in self._running if each.pid == ended), None)
            if process is None:
                continue
            self._running.discard(process)
            process.returncode = os.waitstatus_to_exitcode(status)
            if not self._stopping:
                pause = self._restarts.died()
                if pause is None:
                    _log.error("gRPC processes end again and again, the last with status %d", process.returncode)
                    status_of_all = CRASH_LOOP
                    self.stop()
                    continue
                _log.error("a gRPC process ended with status %d, another one takes its place", process.returncode)
                time.sleep(pause)
            if not self._stopping:
                self._start_one(announce=False)
                self._restarts.serves()
        return status_of_all

    def _start_one(self, announce: bool = True) -> None:
        environment = {**os.environ, _PARENT: str(self._alive)}
        environment.pop(ready.VARIABLE, None)
        if not announce:
            environment.pop(ready.MODELS_VARIABLE, None)
        inherited = [self._alive]
        told = -1
        if announce:
            wait, told = os.pipe()
            self._ready.append(wait)
            environment[ready.VARIABLE] = str(told)
            inherited.append(told)
        process = subprocess.Popen(self._command, env=environment, pass_fds=inherited)
        self._running.add(process)
        if told >= 0:
            os.close(told)
