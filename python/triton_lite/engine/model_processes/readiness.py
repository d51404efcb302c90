"""A model's own `is_ready`: asked once at a time, its answer given to all who wait."""

from __future__ import annotations

from collections.abc import Callable

from triton_lite.engine.model_processes.control import Message
from triton_lite.engine.model_processes.reactor import Scheduler, Timer
from triton_lite.engine.model_processes.session import Done
from triton_lite.engine.model_processes.settings import READY_SECONDS
from triton_lite.errors import Code, TritonError

Answer = Callable[[TritonError | None], None]
"""Takes why something is not ready, None if it is."""


class Readiness:
    """The readiness of one process. Everything in the reactor's thread.

    ask: asks the process, None where the model has no `is_ready`.
    """

    def __init__(self, scheduler: Scheduler, name: str, ask: Callable[[Message, Done], None] | None) -> None:
        self._scheduler = scheduler
        self._name = name
        self._ask = ask
        self._asking = False
        self._waiting: list[tuple[Answer, Timer]] = []

    def check(self, answer: Answer) -> None:
        """Ask, or wait for the answer that was asked for; whoever waits too long is told so."""
        if self._ask is None:
            answer(None)
            return
        what = "in-flight" if self._asking else "user-defined"
        late = TritonError(Code.UNAVAILABLE, f"Timed out waiting for {what} is_ready() response")
        entry: tuple[Answer, Timer]

        def give_up() -> None:
            self._waiting.remove(entry)
            answer(late)

        entry = (answer, self._scheduler.call_later(READY_SECONDS, give_up))
        self._waiting.append(entry)
        if not self._asking:
            self._asking = True
            self._ask({"op": "is_ready"}, self._answered)

    def _answered(self, answer: Message | TritonError) -> None:
        self._asking = False
        error: TritonError | None = None
        if isinstance(answer, TritonError):
            error = answer
        elif answer.get("error"):
            error = TritonError(Code.INTERNAL, str(answer["error"]))
        elif answer.get("value") is not True:
            text = f"Model '{self._name}' is not ready (user-defined check failed)."
            error = TritonError(Code.UNAVAILABLE, text)
        waiting, self._waiting = self._waiting, []
        for done, timer in waiting:
            timer.cancel()
            done(error)
