"""Stand-ins for what an instance works with: time that is set by hand, a process, and the data plane's side."""

from __future__ import annotations

import heapq
import itertools
from types import SimpleNamespace

from triton_lite.engine.model_processes.reactor import Timer
from triton_lite.errors import Code, TritonError


class HandTime:
    """Time passes when it is told to."""

    def __init__(self):
        self.time = 0.0
        self._timers = []
        self._order = itertools.count()

    def now(self):
        return self.time

    def call_later(self, seconds, callback):
        timer = Timer(callback)
        heapq.heappush(self._timers, (self.time + seconds, next(self._order), timer))
        return timer

    def advance(self, seconds):
        end = self.time + seconds
        while self._timers and self._timers[0][0] <= end:
            self.time, _, timer = heapq.heappop(self._timers)
            timer.fire()
        self.time = end


class FakeSession:
    """A process of which the test says what it does."""

    def __init__(self, on_death, number):
        self.on_death = on_death
        self.asked = []
        self.aside = []
        self.killed = False
        self.dead = False
        self.process = SimpleNamespace(pid=number, take_lanes=lambda: (number * 10, number * 10 + 1), send=None)

    def ask(self, message, seconds, done):
        self.asked.append((message, seconds, done))

    def ask_aside(self, message, done):
        self.aside.append((message, done))

    def kill(self):
        self.killed = True

    def answer(self, message):
        """Answer what was asked last, as `Session` does, which gives a step one answer."""
        self.asked[-1][2](message)

    def die(self, how="was ended by SIGKILL"):
        self.dead = True
        self.on_death(how)


class FakeLink:
    def __init__(self):
        self.closed = False
        self.attached = []
        self.detached = 0
        self.given_up = 0
        self.wanted = True
        self.refuses = False

    def attach(self, execute, calls, pid):
        if self.refuses:
            raise TritonError(Code.FAILED_PRECONDITION, "instance was unloaded")
        self.attached.append((execute, calls, pid))

    def detach(self):
        self.detached += 1

    def give_up(self):
        self.given_up += 1

    def set_execute_timeout(self, nanoseconds):
        pass

    def wait_closed(self, deadline_ns):
        return self.closed
