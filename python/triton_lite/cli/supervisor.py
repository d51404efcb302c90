"""Runs the processes of one server: starts them all at once, again when they die, and ends them together."""

from __future__ import annotations

import logging
import selectors
import signal
import socket
import sys
import time
from collections.abc import Sequence
from types import FrameType

from triton_lite.cli.announcement import started, urls
from triton_lite.cli.child import Child
from triton_lite.cli.children import Commands
from triton_lite.cli.ports import Ports
from triton_lite.cli.start_up import StartUp
from triton_lite.cli.table import failures, model_table
from triton_lite.engine.signals import DRAIN_SIGNAL, REPORT_SIGNAL
from triton_lite.launch.restarts import Restarts
from triton_lite.options import Settings
from triton_lite.options.rules import uses_tls

CRASH_LOOP = 70
"""The exit code of a server one of whose processes does not stay up (EX_SOFTWARE)."""

_log = logging.getLogger("triton_lite.serve")
# What front ends may take beyond the time of their requests: to announce their end, and to answer what is left.
_STOP_GRACE_SECONDS = 4.0
# SIGCHLD ends a wait; this is for a child that was killed and takes its time.
_LOOK_AGAIN_SECONDS = 1.0
_STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT)


class Supervisor:
    """One server. `run` blocks until it has ended; called on the main thread, once."""

    def __init__(self, settings: Settings, ports: Ports, commands: Commands, engine: Child | None = None) -> None:
        """engine: one that serves already and is not this server's to end, if there is one."""
        self._settings = settings
        self._ports = ports
        self._commands = commands
        self._selector = selectors.DefaultSelector()
        self._start_up = StartUp(commands, ports, self._selector, engine)
        self._front_ends = self._start_up.front_ends
        self._engine = self._start_up.engine
        self._restarts = {child.name: Restarts() for child in (self._engine, *self._front_ends)}
        self._due: dict[str, float] = {}  # When what died is started again.
        self._served = False
        self._exit_code: int | None = None
        self._stop_signals = 0
        self._drained_at: float | None = None

    def run(self) -> int:
        """Serve until a signal comes or the server cannot go on. Returns the exit code."""
        wake = self._watch_signals()
        try:
            self._start_up.begin()
            self._start_metrics()
            while self._exit_code is None:
                self._wait(self._pause())
                self._look()
        finally:
            self._stop()
            signal.set_wakeup_fd(-1)
            wake.close()
        return self._exit_code if self._exit_code is not None else 1

    def _watch_signals(self) -> socket.socket:
        """Signals end the selector's wait, and do nothing else by themselves."""
        receiver, sender = socket.socketpair()
        receiver.setblocking(False)
        sender.setblocking(False)
        self._sender = sender
        signal.set_wakeup_fd(sender.fileno(), warn_on_full_buffer=False)
        for number in _STOP_SIGNALS:
            signal.signal(number, self._on_stop_signal)
        signal.signal(signal.SIGCHLD, lambda number, frame: None)
        signal.signal(REPORT_SIGNAL, lambda number, frame: self._engine.send(REPORT_SIGNAL))
        self._selector.register(receiver, selectors.EVENT_READ, lambda: receiver.recv(4096))
        return receiver

    def _on_stop_signal(self, number: int, frame: FrameType | None) -> None:
        self._stop_signals += 1

    def _start_metrics(self) -> None:
        if self._ports.metrics is not None:
            from triton_lite.metrics.endpoint import MetricsEndpoint

            endpoint = MetricsEndpoint(self._ports.metrics.socket, self._commands.engine_socket)
            endpoint.start_when_used(self._selector)

    def _pause(self) -> float | None:
        """How long to wait for an event; None for as long as it takes."""
        times = [*self._due.values(), *([] if self._drained_at is None else [self._drained_at])]
        pauses = [max(0.0, each - time.monotonic()) for each in times]
        if self._start_up.pause is not None:
            pauses.append(self._start_up.pause)
        return min(pauses, default=None)

    def _wait(self, seconds: float | None) -> None:
        for key, _ in self._selector.select(seconds):
            key.data()

    def _look(self) -> None:
        """Decide what follows from what happened."""
        if self._stop_signals:
            self._drain()
        if self._exit_code is None and self._start_up.failure:
            print(f"error: creating server: {self._start_up.failure}", file=sys.stderr, flush=True)
            self._exit_code = 1
        for child in (self._engine, *self._front_ends):
            if self._exit_code is None and child.name not in self._due:
                end = child.poll()
                if end is not None:
                    self._on_death(child, end)
        if self._exit_code is not None:
            return
        self._start_again()
        for child in self._start_up.take_up():
            self._on_up(child)
        if self._start_up.advance():
            self._announce()

    def _drain(self) -> None:
        """Not ready any more, at once; serve on for the delay unless told to end again."""
        if self._drained_at is None:
            delay = self._settings["shutdown-delay"] if self._served else 0
            self._drained_at = time.monotonic() + delay
            if self._served:
                self._engine.send(DRAIN_SIGNAL)
            if delay:
                _log.info("not ready any more; requests are served for another %d s", delay)
        if self._exit_code is None and (self._stop_signals > 1 or time.monotonic() >= self._drained_at):
            self._exit_code = 0

    def _on_death(self, child: Child, end: str) -> None:
        """What the death of a process means: the end of a server that never served, else a new process."""
        if not self._served:
            _log.error("the %s process ended unexpectedly (%s): the server stops", child.name, end)
            self._exit_code = 1
            return
        restarts = self._restarts[child.name]
        pause = restarts.died()
        if pause is None:
            _log.error(
                "the %s process ended unexpectedly (%s), again and again: the server stops; what the process wrote "
                "before each end is above",
                child.name,
                end,
            )
            self._exit_code = CRASH_LOOP
            return
        _log.error(
            "the %s process ended unexpectedly (%s) and is started again%s",
            child.name,
            end,
            f" in {pause:g} s" if pause else "",
        )
        self._due[child.name] = time.monotonic() + pause

    def _start_again(self) -> None:
        for child in (self._engine, *self._front_ends):
            if child.name in self._due and time.monotonic() >= self._due[child.name]:
                del self._due[child.name]
                try:
                    self._start_up.begin_again(child)
                except OSError as error:  # No memory, no process, no descriptor left: that may pass.
                    self._on_death(child, f"it could not be started: {error}")

    def _on_up(self, child: Child) -> None:
        self._restarts[child.name].serves()
        if not self._served:
            return
        _log.info("the %s process serves again", child.name)
        if child is self._engine:
            for reason in failures(self._start_up.report.models):
                _log.error("failed to load %s", reason)
            if self._drained_at is not None:
                child.send(DRAIN_SIGNAL)

    def _announce(self) -> None:
        report = self._start_up.report
        models = report.models
        _log.info("", extra={"block": model_table(models)})
        for reason in failures(models):
            _log.error("failed to load %s", reason)
        if report.problem and self._settings["exit-on-error"]:
            print(f"error: creating server: Internal - {report.problem}", file=sys.stderr, flush=True)
            self._exit_code = 1
            return
        self._served = True
        for line in started(self._ports):
            _log.info(line)
        where = urls(self._ports, models, tls=uses_tls(self._settings.values, "http"))
        _log.info("ready after %.2f s; try %s", self._start_up.seconds, " ".join(where))

    def _stop(self) -> None:
        """End the front ends first, so that what is in flight still finds its engine."""
        _log.info("Waiting for in-flight requests to complete.")
        _log.info(
            "stopping: Timeout %d: requests in flight may end within so many seconds",
            self._settings["exit-timeout-secs"],
        )
        # gunicorn forgets a signal that comes while its workers start, and would wait for them in vain.
        for child in self._start_up.not_ready:
            child.kill()
        if self._ports.http is not None:
            # Workers accept until they end. What came after them would wait here, to be reset in the end.
            self._ports.http.socket.close()
        self._stop_group(self._front_ends)
        self._stop_group((self._engine,))
        self._start_up.close()
        self._selector.close()

    def _stop_group(self, children: Sequence[Child]) -> None:
        """Ask the children to end; kill them when their time is over, or when a second signal comes."""
        for child in children:
            child.terminate()
        # A front end gives itself the whole time: what is beyond it was not going to end.
        deadline = time.monotonic() + self._settings["exit-timeout-secs"] + _STOP_GRACE_SECONDS
        while left := [child for child in children if child.poll() is None and child.running]:
            if time.monotonic() >= deadline or self._stop_signals > 1:
                for child in left:
                    _log.warning("the %s process did not end in time and is killed", child.name)
                    child.kill()
                deadline = float("inf")
            self._wait(min(deadline - time.monotonic(), _LOOK_AGAIN_SECONDS))
