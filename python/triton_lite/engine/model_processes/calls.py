"""What models ask of the server: to load and unload models, and whether one is ready."""

from __future__ import annotations

import base64
import binascii
import logging
import re
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Protocol

from triton_lite.errors import Code, TritonError
from triton_lite.repository.override import FILE_PREFIX, Override

if TYPE_CHECKING:
    from triton_lite.engine.model_processes.control import Message

_log = logging.getLogger(__name__)

_NUMBER = re.compile(r"\s*[+-]?\d+")
_LIMIT = 1 << 63

_Answer = Callable[[object, str | None], None]


class Checks(Protocol):
    """What is needed of `engine.readiness.ReadinessChecks`."""

    def check_model(self, name: str, version: int, answer: Callable[[bool], None]) -> None: ...  # noqa: D102


class Models(Protocol):
    """What is needed of the lifecycle."""

    @property
    def readiness(self) -> Checks: ...  # noqa: D102
    def load(self, name: str, override: Override = ..., *, within: str | None = None) -> None: ...  # noqa: D102
    def unload(self, name: str, *, dependents: bool = False, within: str | None = None) -> None: ...  # noqa: D102


class ModelCalls:
    """Carries out the calls of models by the lifecycle, which is given later: it needs the processes itself."""

    def __init__(self) -> None:
        self._models: Models | None = None

    def serve(self, models: Models) -> None:
        """Carry out calls from now on."""
        self._models = models

    def call(self, caller: str | None, message: Message, answer: _Answer) -> None:
        """Carry out a call, see `session.Calls`. What may take a while gets a thread: a model may wait for others."""
        method = message.get("method")
        models = self._models
        if models is None:
            answer(None, "Server not ready")
        elif method == "is_model_ready":
            self._check_ready(models, message, answer)
        elif method in ("load_model", "unload_model"):
            work = self._load if method == "load_model" else self._unload
            threading.Thread(
                target=_run, args=(work, models, caller, message, answer), name=str(method), daemon=True
            ).start()
        else:
            answer(None, f"unknown call '{method}'")

    def _check_ready(self, models: Models, message: Message, answer: _Answer) -> None:
        try:
            version = _version(str(message.get("version") or ""))
            models.readiness.check_model(str(message.get("name", "")), version, lambda ready: answer(ready, None))
        except TritonError as error:
            answer(None, error.text)

    def _load(self, models: Models, caller: str | None, message: Message) -> None:
        files = {}
        for name, content in (message.get("files") or {}).items():
            if not name.startswith(FILE_PREFIX):
                raise TritonError(Code.INVALID_ARGUMENT, f"unrecognized load parameter '{name}'.")
            files[name.removeprefix(FILE_PREFIX)] = base64.b64decode(content)
        # Triton hands on no configuration where it is empty.
        override = Override(message.get("config") or None, files)
        models.load(str(message.get("name", "")), override, within=caller)

    def _unload(self, models: Models, caller: str | None, message: Message) -> None:
        dependents = bool(message.get("unload_dependents"))
        models.unload(str(message.get("name", "")), dependents=dependents, within=caller)


def _run(
    work: Callable[..., None], models: Models, caller: str | None, message: dict[str, Any], answer: _Answer
) -> None:
    try:
        work(models, caller, message)
        answer(None, None)
    except TritonError as error:
        answer(None, error.text)
    except (TypeError, AttributeError, binascii.Error) as error:
        answer(None, f"the call cannot be read: {error}")
    except Exception as error:
        _log.exception("a call of a model ended unexpectedly")
        answer(None, f"internal error: {error}")


def _version(text: str) -> int:
    """Read a version, -1 for an empty text. Raises TritonError with Triton's text."""
    found = _NUMBER.match(text)
    details = ""
    if found is None or not -_LIMIT <= int(found.group()) < _LIMIT:
        details = " (details: stol)"
    elif int(found.group()) >= 0:
        return int(found.group())
    if not text:
        return -1
    raise TritonError(
        Code.INTERNAL,
        f"failed to get model version from specified version string '{text}'{details}, version should be an integral"
        " value > 0",
    )
