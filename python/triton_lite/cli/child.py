"""One process of the server, as its supervisor sees it."""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import subprocess
from collections.abc import Callable

from triton_lite.engine.signals import DRAIN_SIGNAL, REPORT_SIGNAL

_PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None)
_supervisor = os.getpid()


def die_with_supervisor() -> None:
    """Run in a child before exec: it is ended when the supervisor dies, however that dies."""
    _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != _supervisor:
        os._exit(1)
    # Else a terminal that wants it (stty tostop) stops what writes its log from the background. gunicorn handles the
    # signal, so that ignoring it would not do.
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTTOU})


def start_as_engine() -> None:
    """The same for an engine, which must not be ended by the signals it takes later on, however early they come."""
    die_with_supervisor()
    signal.pthread_sigmask(signal.SIG_BLOCK, {DRAIN_SIGNAL, REPORT_SIGNAL})


class Child:
    """A process with a name, started by `start`, in a process group of its own. Used by one thread.

    start: starts it and returns it; called again for a restart.
    """

    def __init__(self, name: str, start: Callable[[], subprocess.Popen[bytes]]) -> None:
        self.name = name
        self._start = start
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start the process."""
        self._process = self._start()

    @property
    def running(self) -> bool:
        """Whether it was started and not seen to end."""
        return self._process is not None and self._process.returncode is None

    def poll(self) -> str | None:
        """Say how it ended, if it did; whatever it left running in its group is killed."""
        process = self._process
        if process is None:
            return None
        if process.returncode is None:
            if os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None:
                return None
            # Not reaped yet, so that the group still is this one.
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        return _describe(process.returncode)

    @property
    def exit_code(self) -> int | None:
        """The exit code; negative for a signal, None while it runs."""
        return self._process.returncode if self._process is not None else None

    def terminate(self) -> None:
        """Ask it to end."""
        if self.running and self._process is not None:
            self._process.terminate()

    def send(self, number: signal.Signals) -> None:
        """Send it a signal, if it runs."""
        if self.running and self._process is not None:
            self._process.send_signal(number)

    @property
    def process_id(self) -> int | None:
        """Its process id; None while it does not run."""
        return self._process.pid if self.running and self._process is not None else None

    def kill(self) -> None:
        """End it, and its group, at once."""
        if self.running and self._process is not None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self._process.pid, signal.SIGKILL)


def _describe(code: int) -> str:
    if code >= 0:
        return f"exit code {code}"
    with contextlib.suppress(ValueError):
        return f"signal {signal.Signals(-code).name}"
    return f"signal {-code}"
