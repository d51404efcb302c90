"""A server that only sends bodies back (native/echo_server.cc): no server over the same client can do more."""

from __future__ import annotations

import contextlib
import subprocess
from collections.abc import Iterator

from bench import inprocess, processes


@contextlib.contextmanager
def running() -> Iterator[tuple[int, int]]:
    """Run it; yields its port and process id."""
    port = processes.free_port()
    command = [str(inprocess.build("echo_server")), str(port)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "listens\n"
        try:
            yield port, process.pid
        finally:
            process.communicate()
