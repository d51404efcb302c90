"""The life of one model process: what is asked of it, what it asks, and its end."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Protocol

from triton_lite.engine.model_processes.control import Message
from triton_lite.engine.model_processes.custom_metrics import CustomMetrics
from triton_lite.engine.model_processes.model_log import how_it_ended, log_message
from triton_lite.engine.model_processes.process import ModelProcess, Program
from triton_lite.engine.model_processes.process_metrics import ProcessMetrics
from triton_lite.engine.model_processes.reactor import Reactor, Timer
from triton_lite.errors import Code, TritonError

_log = logging.getLogger(__name__)

Done = Callable[[Message | TritonError], None]


class Calls(Protocol):
    """Carries out what models ask of the server, beside metrics."""

    def call(self, caller: str | None, message: Message, answer: Callable[[object, str | None], None]) -> None:
        """Carry out a call; `answer` may be called later, in any thread.

        caller: the key of the model that calls while it is loaded; None once it is.
        """


@dataclass(frozen=True)
class Surroundings:
    """What all processes share."""

    reactor: Reactor
    metrics: CustomMetrics
    calls: Calls


def not_healthy(name: str) -> TritonError:
    """Spell what Triton says of a process that is gone."""
    return TritonError(Code.INTERNAL, f"Stub process '{name}' is not healthy.")


class Session:
    """One process, from its start to its end. Everything in the reactor's thread.

    name: of the instance (of the model, for a process that completes configurations).
    caller: the model's key. on_death: called once, with how it ended; what is still asked has failed before.
    Raises TritonError if the process cannot be started.
    """

    def __init__(
        self,
        surroundings: Surroundings,
        program: Program,
        name: str,
        caller: str,
        on_death: Callable[[str], None],
    ) -> None:
        self._reactor = surroundings.reactor
        self._calls = surroundings.calls
        self._metrics = ProcessMetrics(surroundings.metrics)
        self._name = name
        self._caller = caller
        self._on_death = on_death
        self._step: tuple[Done, Timer] | None = None
        self._questions: dict[int, Done] = {}
        self._last_question = 0
        self._initialized = False
        self.process = ModelProcess(self._reactor, program, name, self._take, self._died)

    def ask(self, message: Message, seconds: float, done: Done) -> None:
        """Take the process one step on: it is told something, and its answer given to `done`.

        A failure is an error; so are its death, and a process that is still at it after `seconds`, which is ended.
        """
        operation = str(message["op"])
        self._step = (done, self._reactor.call_later(seconds, lambda: self._give_up(operation, seconds)))
        self.process.send(message)

    def ask_aside(self, message: Message, done: Done) -> None:
        """Ask something while it works. An error answers where it dies."""
        self._last_question += 1
        self._questions[self._last_question] = done
        self.process.send({**message, "id": self._last_question})

    def kill(self) -> None:
        """End it at once. on_death follows."""
        self.process.kill()

    def _give_up(self, operation: str, seconds: float) -> None:
        _log.error("'%s' took longer than %g s to %s: its process is ended", self._name, seconds, operation)
        self.process.kill()
        self._finish_step(not_healthy(self._name))

    def _finish_step(self, answer: Message | TritonError) -> None:
        if self._step is not None:
            (done, timer), self._step = self._step, None
            timer.cancel()
            done(answer)

    def _take(self, message: Message) -> None:
        match message.get("op"):
            case "log":
                log_message(message)
            case "call":
                self._call(message)
            case "answer":
                done = self._questions.pop(message.get("id", 0), None)
                if done is not None:
                    done(message)
            case "failed":
                self._finish_step(TritonError(Code.INTERNAL, str(message.get("message", ""))))
            case _:
                self._initialized = True
                self._finish_step(message)

    def _call(self, message: Message) -> None:
        method = str(message.get("method", ""))
        if not method.startswith("metric"):

            def answer(value: object, error: str | None) -> None:
                self._reactor.call_soon(lambda: self._answer(message, value, error))

            self._calls.call(None if self._initialized else self._caller, message, answer)
            return
        try:
            self._answer(message, self._metrics.call(method, message), None)
        except TritonError as error:
            self._answer(message, None, error.text)
        except (KeyError, TypeError, ValueError) as error:
            self._answer(message, None, f"the call '{method}' cannot be read: {error}")

    def _answer(self, call: Message, value: object, error: str | None) -> None:
        if error is not None:
            error = f"Failed to process the request for model '{self._name}', message: {error}"
        self.process.send({"op": "answer", "id": call.get("id"), "value": value, "error": error})

    def _died(self, status: os.waitid_result | None) -> None:
        self._metrics.close()
        self._finish_step(not_healthy(self._name))
        questions, self._questions = self._questions, {}
        for done in questions.values():
            done(not_healthy(self._name))
        self._on_death(how_it_ended(status))


def run_step(session: Session, message: Message, seconds: float) -> Future[Message]:
    """Ask a session, in the reactor's thread; the answer can be waited for in any other."""
    future: Future[Message] = Future()

    def done(answer: Message | TritonError) -> None:
        if isinstance(answer, TritonError):
            future.set_exception(answer)
        else:
            future.set_result(answer)

    session.ask(message, seconds, done)
    return future
