"""The start of a server, and of processes that died: when the engine has its models and the front ends listen, it is
ready."""

from __future__ import annotations

import logging
import os
import selectors
import subprocess
import time
from collections.abc import Callable
from itertools import islice

from triton_lite.cli.child import Child
from triton_lite.cli.children import Commands
from triton_lite.cli.ports import Ports
from triton_lite.engine.report import Report

_log = logging.getLogger("triton_lite.serve")
_PROGRESS_SECONDS = 2.0
_NAMES_SHOWN = 5


class StartUp:
    """Starts the children and follows them until all are ready. Used by the supervisor's thread."""

    def __init__(
        self, commands: Commands, ports: Ports, selector: selectors.BaseSelector, engine: Child | None = None
    ) -> None:
        """engine: one that serves already, if there is one."""
        self._commands = commands
        self._selector = selector
        self._begun = 0.0
        self._progress_due = 0.0
        self._pipes: set[int] = set()
        self._over = False
        self.report = Report()
        self.failure = ""
        self._engine_serves = engine is not None
        self.engine = engine or Child("engine", self._start_engine)
        starts = {"HTTP": (ports.http, commands.http), "gRPC": (ports.grpc, commands.grpc)}
        allowed = {name: start for name, (port, start) in starts.items() if port is not None}
        self._not_ready = set(allowed)
        self._up: list[Child] = []
        self.front_ends = tuple(Child(name, self._starter(name, start)) for name, start in allowed.items())

    def begin(self) -> None:
        """Start everything at once; the engine first, since the others wait for it in the end."""
        self._begun = time.monotonic()
        self._progress_due = self._begun + _PROGRESS_SECONDS
        self.engine.start()
        for child in self.front_ends:
            child.start()

    def begin_again(self, child: Child) -> None:
        """Start a process that ended."""
        if child is not self.engine:
            self._not_ready.add(child.name)
        child.start()

    def take_up(self) -> list[Child]:
        """Return the processes that began to serve since the last call."""
        up, self._up = self._up, []
        return up

    @property
    def not_ready(self) -> list[Child]:
        """The front ends that cannot have any request yet."""
        return [child for child in self.front_ends if child.name in self._not_ready]

    @property
    def seconds(self) -> float:
        """How long it has been going on."""
        return time.monotonic() - self._begun

    @property
    def pause(self) -> float | None:
        """How long the supervisor may wait for an event; None for as long as it takes."""
        return None if self._over else max(0.0, self._progress_due - time.monotonic())

    def advance(self) -> bool:
        """Look how far it is. Returns True once: when everything is ready."""
        if self._over:
            return False
        self._over = (self._engine_serves or self.report.loaded) and not self._not_ready
        if not self._over and time.monotonic() >= self._progress_due:
            self._progress_due += _PROGRESS_SECONDS
            self._tell_progress()
        return self._over

    def close(self) -> None:
        """Give back what is still open."""
        for pipe in list(self._pipes):
            self._close(pipe)

    def _start_engine(self) -> subprocess.Popen[bytes]:
        process, pipe = self._commands.engine()
        report = self.report = Report()
        self._follow(pipe, lambda pipe: self._on_report(pipe, report))
        return process

    def _starter(
        self, name: str, start: Callable[[int], subprocess.Popen[bytes]]
    ) -> Callable[[], subprocess.Popen[bytes]]:
        def begin() -> subprocess.Popen[bytes]:
            pipe, child_end = os.pipe2(os.O_CLOEXEC)
            try:
                process = start(child_end)
            finally:
                os.close(child_end)
            self._follow(pipe, lambda pipe: self._on_ready(name, pipe))
            return process

        return begin

    def _follow(self, pipe: int, take: Callable[[int], None]) -> None:
        self._pipes.add(pipe)
        self._selector.register(pipe, selectors.EVENT_READ, lambda: take(pipe))

    def _close(self, pipe: int) -> None:
        self._pipes.discard(pipe)
        self._selector.unregister(pipe)
        os.close(pipe)

    def _on_ready(self, name: str, pipe: int) -> None:
        # The end of the pipe without a word is the death of the process, which is seen elsewhere.
        if os.read(pipe, 4096):
            self._not_ready.discard(name)
            self._up += [child for child in self.front_ends if child.name == name]
            if name == "gRPC":
                self._commands.tell_http_of_grpc()
        self._close(pipe)

    def _on_report(self, pipe: int, report: Report) -> None:
        data = os.read(pipe, 65536)
        loaded = report.loaded
        try:
            report.feed(data)
        except ValueError as error:
            self.failure = f"Internal - {error}"
        if report is self.report and report.loaded and not loaded:
            self._up.append(self.engine)
        if not data:
            self._close(pipe)

    def _tell_progress(self) -> None:
        waiting = self.report.waiting
        if waiting and not self.report.loaded:
            names = ", ".join(islice(waiting, _NAMES_SHOWN)) + (", ..." if len(waiting) > _NAMES_SHOWN else "")
            _log.info("loading models: %d done, %d under way: %s", self.report.done, len(waiting), names)
            return
        missing = [*sorted(self._not_ready), *([] if self._engine_serves or self.report.loaded else ["the models"])]
        _log.info("starting: waiting for %s", " and ".join(missing))
