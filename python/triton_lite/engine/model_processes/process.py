"""One model process: started, talked to, heard of when it dies."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from triton_lite.engine.model_processes.control import ControlChannel, Message
from triton_lite.engine.model_processes.model_log import OutputLog
from triton_lite.engine.model_processes.output import OutputReader
from triton_lite.engine.model_processes.reactor import Reactor
from triton_lite.errors import Code, TritonError

_MAIN = Path(__file__).parents[2] / "model_process" / "__main__.py"
# A kernel or a container that has no pidfd: look so often whether the process is there.
_LOOK_SECONDS = 0.2


@dataclass(frozen=True)
class Program:
    """What a process runs: a Python interpreter, and the variables of its environment."""

    python: str
    variables: Mapping[str, str]


class ModelProcess:
    """A process and the sockets to it. Everything in the reactor's thread.

    name: of the instance, for the log and for whoever lists processes. on_message: each message of the process.
    on_death: called once, with how it ended, when all that it said was read and before its number is free again.
    Raises TritonError if it cannot be started.
    """

    def __init__(
        self,
        reactor: Reactor,
        program: Program,
        name: str,
        on_message: Callable[[Message], None],
        on_death: Callable[[os.waitid_result | None], None],
    ) -> None:
        self._reactor = reactor
        self._on_death = on_death
        self._dead = False
        self._pidfd = -1
        with contextlib.ExitStack() as undo:
            pairs = [socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)]
            pairs += [socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET) for _ in range(2)]
            pipes = [os.pipe2(os.O_CLOEXEC) for _ in range(2)]
            for ours, _ in pairs:
                undo.callback(ours.close)
            for readable, _ in pipes:
                undo.callback(os.close, readable)
            try:
                self._popen = _spawn(program, name, [theirs for _, theirs in pairs], [end for _, end in pipes])
            finally:
                for _, theirs in pairs:
                    theirs.close()
                for _, writable in pipes:
                    os.close(writable)
            undo.pop_all()
        self._execute, self._calls = pairs[1][0], pairs[2][0]
        self._control = ControlChannel(reactor, pairs[0][0], on_message, self._hang_up)
        self._outputs = [
            OutputReader(reactor, readable, OutputLog(name, stream))
            for (readable, _), stream in zip(pipes, ("stdout", "stderr"), strict=True)
        ]
        self._watch()

    @property
    def pid(self) -> int:
        """The number of the process."""
        return self._popen.pid

    def send(self, message: Message) -> None:
        """Send a message over the control socket."""
        self._control.send(message)

    def take_lanes(self) -> tuple[int, int]:
        """Give away the sockets for requests and for calls of the model; once."""
        return self._execute.detach(), self._calls.detach()

    def kill(self) -> None:
        """End the process and all of its own. on_death follows."""
        if not self._dead:
            _kill_group(self._popen.pid)

    def _watch(self) -> None:
        try:
            self._pidfd = os.pidfd_open(self._popen.pid)
        except OSError:
            self._reactor.call_later(_LOOK_SECONDS, self._look)
        else:
            self._reactor.watch(self._pidfd, self._look)

    def _look(self) -> None:
        """See whether it has ended."""
        if self._dead:
            return
        try:
            status = os.waitid(os.P_PID, self._popen.pid, os.WEXITED | os.WNOWAIT | os.WNOHANG)
        except ChildProcessError:  # Somebody else in this program waits for all children.
            if self._pidfd < 0 and _is_there(self._popen.pid):
                self._reactor.call_later(_LOOK_SECONDS, self._look)
                return
            self._end(None)
            return
        if status is not None:
            self._end(status)
        elif self._pidfd < 0:
            self._reactor.call_later(_LOOK_SECONDS, self._look)

    def _hang_up(self) -> None:
        """End a process that closed its control socket: nobody can talk to it any more."""
        self._look()
        self.kill()

    def _end(self, status: os.waitid_result | None) -> None:
        self._dead = True
        # What it started must not live on, nor hold the pipes open.
        _kill_group(self._popen.pid)
        self._control.drain()
        for output in self._outputs:
            output.close()
        self._control.close()
        self._execute.close()
        self._calls.close()
        if self._pidfd >= 0:
            self._reactor.forget(self._pidfd)
            os.close(self._pidfd)
        try:
            self._on_death(status)
        finally:
            self._popen.wait()


def _spawn(program: Program, name: str, sockets: list[socket.socket], outputs: list[int]) -> subprocess.Popen[bytes]:
    numbers = [each.fileno() for each in sockets]
    # The option changes nothing: it shows in lists of processes what this is, under the name that it has in Triton.
    command = [program.python, "-X", f"triton_python_backend_stub={name}", str(_MAIN)]
    for option, number in zip(("--control", "--execute", "--calls"), numbers, strict=True):
        command += [option, str(number)]
    try:
        return subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=outputs[0],
            stderr=outputs[1],
            pass_fds=numbers,
            env=dict(program.variables),
            start_new_session=True,
        )
    except (OSError, ValueError) as error:
        raise TritonError(
            Code.INTERNAL, f"Failed to run python backend stub '{name}' with {program.python}: {error}"
        ) from error


def _kill_group(pid: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGKILL)


def _is_there(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except OSError:
        return False
    return True
