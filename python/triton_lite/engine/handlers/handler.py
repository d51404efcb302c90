"""What a handler of a control call is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from triton_lite.engine.journal import Journal
from triton_lite.engine.lifecycle import Lifecycle
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
    journal: Journal = field(default_factory=Journal)
    supervised: bool = False  # The parent process is the server's supervisor.


@dataclass(frozen=True)
class Handler:
    """Answers one method: encoded request to encoded response. Raises TritonError.

    slow: may wait for something (a model that loads), and so gets a thread of its own. apart: may take a moment, and
    nothing else is to wait for it, nor it for models that load.
    """

    run: Callable[[Context, bytes], bytes]
    slow: bool = False
    apart: bool = False


def of_messages(name: str, answer: Callable[[Context, Any], Any], *, slow: bool = False) -> Handler:
    """Make a handler of a method by name, from a function of messages."""

    def run(context: Context, encoded: bytes) -> bytes:
        from triton_lite.errors import Code, TritonError
        from triton_lite.proto import METHODS

        method: Any = METHODS[name]
        try:
            request = method.request.FromString(encoded)
        except Exception as error:  # protobuf's DecodeError, whose module is not worth importing here.
            raise TritonError(Code.INTERNAL, f"failed to parse the {name} request") from error
        encoded_answer: bytes = answer(context, request).SerializeToString()
        return encoded_answer

    return Handler(run, slow)
