"""Asks a model's `auto_complete_config` what its configuration leaves open, in a process of its own."""

from __future__ import annotations

import json
import logging
from concurrent.futures import Future

from triton_lite.config.json_form import to_json
from triton_lite.config.json_input import from_json
from triton_lite.engine.model_processes.control import Message
from triton_lite.engine.model_processes.environments import Environment
from triton_lite.engine.model_processes.model import ModelVersion
from triton_lite.engine.model_processes.session import Session, Surroundings, run_step
from triton_lite.errors import TritonError
from triton_lite.proto import messages

_log = logging.getLogger(__name__)

_EXIT_SECONDS = 1.0


def ask_for_completion(
    surroundings: Surroundings, environment: Environment, version: ModelVersion, seconds: float
) -> messages.ModelConfig | None:
    """Return the configuration as the model completes it; None where that is none, of which Triton says nothing.

    Raises TritonError with what went wrong in the model.
    """
    ended: Future[str] = Future()

    def start() -> tuple[Session, Future[Message]]:
        session = Session(
            surroundings, environment.program, version.config.name, version.caller, lambda how: ended.set_result(how)
        )
        message = {
            "op": "auto_complete",
            "model_directory": version.directory,
            "version_directory": version.files.directory,
            "model_file": version.model_file,
            "config": to_json(version.config),
        }
        return session, run_step(session, message, seconds)

    session, answered = surroundings.reactor.run(start)
    try:
        answer = answered.result()
    finally:
        # It ends by itself, unless a thread of the model's keeps it.
        surroundings.reactor.run(lambda: surroundings.reactor.call_later(_EXIT_SECONDS, session.kill))
        ended.result()
    try:
        return from_json(json.dumps(answer.get("config")))
    except TritonError as error:
        _log.warning(
            "auto_complete_config of model '%s' returned a configuration that cannot be used, and is passed over: %s",
            version.config.name,
            error.text,
        )
        return None
