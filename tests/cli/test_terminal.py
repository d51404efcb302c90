"""`triton-lite serve` in a terminal: its interrupts are for the supervisor, which ends the others in order."""

from __future__ import annotations

import fcntl
import os
import pty
import subprocess
import sys
import termios
import threading
from pathlib import Path

import pytest
from living_server import ask, until
from processes import descendants, gone
from server_process import STOP_SECONDS, free_ports

MODELS = Path(__file__).parents[2] / "models"


@pytest.mark.parametrize("stops_background_writers", [False, True])
def test_an_interrupt_ends_everything_in_order(stops_background_writers: bool) -> None:
    http, grpc, metrics = free_ports(3)
    ours, theirs = pty.openpty()
    if stops_background_writers:
        mode = termios.tcgetattr(theirs)
        mode[3] |= termios.TOSTOP
        termios.tcsetattr(theirs, termios.TCSANOW, mode)
    command = [sys.executable, "-m", "triton_lite.cli.main", "serve", str(MODELS), f"--http-port={http}"]
    command += [f"--grpc-port={grpc}", f"--metrics-port={metrics}", "--log-verbose=1"]
    server = subprocess.Popen(
        command,
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
        preexec_fn=lambda: fcntl.ioctl(theirs, termios.TIOCSCTTY, 0),
    )
    os.close(theirs)
    said = bytearray()
    reader = threading.Thread(target=_read_all, args=(ours, said))
    reader.start()
    try:
        until(lambda: ask(f"127.0.0.1:{http}", "/v2/health/ready")[0] == 200, "it is not ready")
        children = list(descendants(server.pid))
        assert len(children) >= 3
        assert {os.getsid(child) for child in children} == {server.pid}
        os.write(ours, b"\x03")
        assert server.wait(STOP_SECONDS) == 0
    finally:
        server.kill()
        server.wait()
        reader.join()
        os.close(ours)
    assert b"Traceback" not in said
    assert all(gone(child) for child in children)


def _read_all(terminal: int, said: bytearray) -> None:
    try:
        while more := os.read(terminal, 4096):
            said.extend(more)
    except OSError:  # Nobody has it open any more.
        return
