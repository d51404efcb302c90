"""What a handler of a control call is."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any

from triton_lite.engine.journal import Journal
from triton_lite.engine.lifecycle import Lifecycle
from triton_lite.engine.model_processes.service import ModelProcesses
from triton_lite.engine.options import EngineOptions
from triton_lite.engine.progress import Progress
from triton_lite.metrics.engine_text import EngineMetrics


@dataclass(frozen=True)
class Context:
    """What handlers work on."""

    engine: Any  # _native.Engine
    options: EngineOptions
    lifecycle: Lifecycle
    progress: Progress
    metrics: EngineMetrics
    processes: ModelProcesses
    journal: Journal = field(default_factory=Journal)
    supervised: bool = False  # The parent process is the server's supervisor.


@dataclass(frozen=True)
class Handler:
    """Answers one method: encoded request to encoded response. Raises TritonError.

    slow: may wait for something (a model that loads), and so gets a thread of its own. apart: may take a moment, and
    nothing else is to wait for it, nor it for models that load. begin: does the same without waiting, and hands the
    answer over when it is there.
    """

    run: Callable[[Context, bytes], bytes]
    slow: bool = False
    apart: bool = False
    begin: Callable[[Context, bytes, Callable[[bytes], None]], None] | None = None


def of_messages(name: str, answer: Callable[[Context, Any], Any], *, slow: bool = False) -> Handler:
    """Make a handler of a method by name, from a function of messages."""

    def run(context: Context, encoded: bytes) -> bytes:
        encoded_answer: bytes = answer(context, _parse(name, encoded)).SerializeToString()
        return encoded_answer

    return Handler(run, slow)


def of_late_messages(name: str, begin: Callable[[Context, Any, Callable[[Any], None]], None]) -> Handler:
    """Make a handler of a method by name, from a function of a message that hands its answer over, now or later."""

    def begin_encoded(context: Context, encoded: bytes, reply: Callable[[bytes], None]) -> None:
        begin(context, _parse(name, encoded), lambda answer: reply(answer.SerializeToString()))

    def run(context: Context, encoded: bytes) -> bytes:
        answer: Future[bytes] = Future()
        begin_encoded(context, encoded, answer.set_result)
        return answer.result()

    return Handler(run, begin=begin_encoded)


def _parse(name: str, encoded: bytes) -> Any:
    from triton_lite.errors import Code, TritonError
    from triton_lite.proto import METHODS

    method: Any = METHODS[name]
    try:
        return method.request.FromString(encoded)
    except Exception as error:  # protobuf's DecodeError, whose module is not worth importing here.
        raise TritonError(Code.INTERNAL, f"failed to parse the {name} request") from error
