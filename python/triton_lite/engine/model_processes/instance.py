"""One instance of a model: its process, started again whenever it dies, until the model goes."""

from __future__ import annotations

import enum
import logging
from collections.abc import Callable
from concurrent.futures import Future
from typing import Protocol

from triton_lite.engine.model_processes.backoff import Backoff
from triton_lite.engine.model_processes.control import Message
from triton_lite.engine.model_processes.process import ModelProcess
from triton_lite.engine.model_processes.reactor import Scheduler, Timer
from triton_lite.engine.model_processes.readiness import Answer, Readiness
from triton_lite.engine.model_processes.session import Done, not_healthy
from triton_lite.engine.model_processes.settings import PythonSettings
from triton_lite.errors import TritonError

_log = logging.getLogger(__name__)

# A process that had come up once comes up again: then nobody waits longer than this until it is started.
_LONGEST_AFTER_READY_SECONDS = 2.0
_WELL_AFTER_SECONDS = 60.0
# While nobody asks for the model: how often to look whether somebody does.
_LOOK_SECONDS = 0.02
# For the threads of a model that was finalized.
_EXIT_SECONDS = 1.0


class Link(Protocol):
    """What is needed of `_native.ModelLink`: the data plane's side of an instance."""

    @property
    def attached(self) -> bool: ...  # noqa: D102
    @property
    def wanted(self) -> bool: ...  # noqa: D102
    @property
    def closed(self) -> bool: ...  # noqa: D102
    def attach(self, execute_fd: int, calls_fd: int, pid: int) -> None: ...  # noqa: D102
    def detach(self) -> None: ...  # noqa: D102
    def give_up(self) -> None: ...  # noqa: D102
    def set_execute_timeout(self, nanoseconds: int) -> None: ...  # noqa: D102
    def wait_closed(self, deadline_ns: int) -> bool: ...  # noqa: D102


class RunningSession(Protocol):
    """What is needed of a `Session`."""

    @property
    def process(self) -> ModelProcess: ...  # noqa: D102
    def ask(self, message: Message, seconds: float, done: Done) -> None: ...  # noqa: D102
    def ask_aside(self, message: Message, done: Done) -> None: ...  # noqa: D102
    def kill(self) -> None: ...  # noqa: D102


OpenSession = Callable[[Callable[[str], None]], RunningSession]
"""Starts a process; called with what to call when it dies. Raises TritonError."""


class State(enum.Enum):
    """Where an instance stands."""

    STARTING = enum.auto()
    READY = enum.auto()
    WAITING = enum.auto()  # Dead, to be started again.
    STOPPING = enum.auto()
    GONE = enum.auto()


class ModelInstance:
    """Everything in the reactor's thread, but `start` and `stop`, whose futures can be waited for in any other.

    initialize: makes the message that tells a process what it is, by its process id.
    """

    def __init__(
        self,
        scheduler: Scheduler,
        name: str,
        link: Link,
        settings: PythonSettings,
        open_session: OpenSession,
        initialize: Callable[[int], Message],
    ) -> None:
        self.name = name
        self.link = link
        self.state = State.STARTING
        self._scheduler = scheduler
        self._settings = settings
        self._open_session = open_session
        self._initialize = initialize
        self._backoff = Backoff(
            settings.restart_seconds,
            settings.longest_restart_seconds,
            _LONGEST_AFTER_READY_SECONDS,
            _WELL_AFTER_SECONDS,
        )
        self._session: RunningSession | None = None
        self._readiness: Readiness | None = None
        self._restart: Timer | None = None
        self._ready_since = 0.0
        self._first: Future[None] | None = None
        self._stopped: Future[None] | None = None

    def start(self, first: Future[None]) -> None:
        """Start the process. `first` is set when the model is initialized; it fails when that fails, for good."""
        self._first = first
        self._launch()

    def stop(self, stopped: Future[None]) -> None:
        """Let the model finalize, once the data plane has let it go, and end the process; then `stopped` is set.

        A process that is not ready, or takes too long, is killed.
        """
        if self._stopped is not None:
            self._stopped.add_done_callback(lambda _: stopped.set_result(None))
            return
        self._stopped = stopped
        was_ready = self.state is State.READY
        if self._restart is not None:
            self._restart.cancel()
        first, self._first = self._first, None
        if first is not None:
            first.set_exception(not_healthy(self.name))
        self.state = State.STOPPING
        if not was_ready:
            self.link.give_up()
        if self._session is None:
            self._gone()
        elif was_ready:
            self._session.ask({"op": "finalize"}, self._settings.finalize_seconds, self._finalized)
        else:
            self._session.kill()

    def check_ready(self, answer: Answer) -> None:
        """Tell whether the instance can be used: its process lives, and the model itself has no objection."""
        # The data plane may know of a death first.
        if self.state is not State.READY or self._readiness is None or not self.link.attached:
            answer(not_healthy(self.name))
        else:
            self._readiness.check(answer)

    def send(self, message: Message) -> None:
        """Tell a process something that it does not answer."""
        if self._session is not None:
            self._session.process.send(message)

    def kill(self) -> None:
        """End the process at once, and start none any more."""
        if self._restart is not None:
            self._restart.cancel()
        self.state = State.STOPPING
        self.link.give_up()
        if self._session is not None:
            self._session.kill()

    def _launch(self) -> None:
        self._restart = None
        self.state = State.STARTING
        try:
            self._session = self._open_session(self._died)
            message = self._initialize(self._session.process.pid)
        except TritonError as error:
            self._failed(error)
        else:
            self._session.ask(message, self._settings.initialize_seconds, self._initialized)

    def _initialized(self, answer: Message | TritonError) -> None:
        session = self._session
        if self.state is not State.STARTING or session is None:
            return
        if isinstance(answer, TritonError):
            self._failed(answer)
            return
        try:
            self.link.attach(*session.process.take_lanes(), session.process.pid)
        except TritonError:  # The model goes: nobody needs it any more.
            session.kill()
            return
        has_check = bool(answer.get("has_is_ready"))
        self._readiness = Readiness(self._scheduler, self.name, session.ask_aside if has_check else None)
        self.state = State.READY
        self._ready_since = self._scheduler.now()
        if self._first is None:
            _log.info("the process of '%s' is ready again", self.name)
        else:
            self._started()

    def _failed(self, error: TritonError) -> None:
        if self._first is not None:
            first, self._first = self._first, None
            self.state = State.STOPPING
            if self._session is None:
                self.state = State.GONE
            else:
                self._session.kill()
            first.set_exception(error)
            return
        _log.error("the process of '%s' cannot be started again: %s", self.name, error.text)
        if self._session is None:
            self._wait(None)
        else:
            self._session.kill()  # Its death is noticed.

    def _started(self) -> None:
        first, self._first = self._first, None
        if first is not None:
            first.set_result(None)

    def _died(self, how: str) -> None:
        was, attached = self.state, self._readiness is not None
        self._session = None
        self._readiness = None
        if attached:
            # First of all: whoever waits for an answer learns that there is none.
            self.link.detach()
        if was is State.READY:
            _log.error("the process of '%s' %s", self.name, how)
            self._wait(self._scheduler.now() - self._ready_since)
        elif was is State.STARTING:
            self._wait(None)
        else:
            self._gone()

    def _wait(self, ready_for: float | None) -> None:
        if self._stopped is not None or self.link.closed:
            self.state = State.GONE
            return
        self.state = State.WAITING
        seconds = self._backoff.after_death(ready_for)
        if ready_for is None or seconds > _LONGEST_AFTER_READY_SECONDS:
            self.link.give_up()
        # Whoever looks now and then is to see that a model was down, and a model that nobody asks for can wait.
        idle_seconds = max(seconds, self._settings.idle_restart_seconds if ready_for is not None else 0.0)
        if idle_seconds > seconds and not self.link.wanted:
            _log.info("the process of '%s' is started again in %g s, or when it is asked for", self.name, idle_seconds)
        else:
            _log.info("the process of '%s' is started again in %g s", self.name, seconds)
        latest = self._scheduler.now() + idle_seconds
        self._restart = self._scheduler.call_later(seconds, lambda: self._launch_when_wanted(latest))

    def _launch_when_wanted(self, latest: float) -> None:
        left = latest - self._scheduler.now()
        if left <= 0 or self.link.wanted:
            self._launch()
        else:
            self._restart = self._scheduler.call_later(
                min(left, _LOOK_SECONDS), lambda: self._launch_when_wanted(latest)
            )

    def _finalized(self, answer: Message | TritonError) -> None:
        error = answer.text if isinstance(answer, TritonError) else answer.get("error")
        if error:
            _log.error("finalizing '%s' failed: %s", self.name, error)
        if self._session is not None:
            # It exits by itself, unless a thread of the model's keeps it: what counts was said.
            self._scheduler.call_later(_EXIT_SECONDS, self._session.kill)

    def _gone(self) -> None:
        self.state = State.GONE
        if self._stopped is not None and not self._stopped.done():
            self._stopped.set_result(None)
