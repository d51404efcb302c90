"""A function that is served: its instances, from their start to their end."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import Any

from triton_lite.errors import Code, TritonError
from triton_lite.functions.instance import FunctionInstance, status_of
from triton_lite.functions.kind import FunctionKind
from triton_lite.functions.source import FunctionSource
from triton_lite.model_process.triton_lite_model.function_model import (
    ArraysFunction,
    AsyncGeneratorFunction,
    CoroutineFunction,
    Function,
    GeneratorFunction,
    Output,
)
from triton_lite.proto import messages

_log = logging.getLogger(__name__)

_LOOK_NS = 100_000_000
# For a function that is still at it: its thread ends with the program then.
_END_SECONDS = 1.0

_CLASSES: dict[FunctionKind, type[Function]] = {
    FunctionKind.ARRAYS: ArraysFunction,
    FunctionKind.COROUTINE: CoroutineFunction,
    FunctionKind.GENERATOR: GeneratorFunction,
    FunctionKind.ASYNC_GENERATOR: AsyncGeneratorFunction,
}


class ServedFunction:
    """Has the methods of a `PythonModel`, whose place it takes. Thread-safe.

    make_link: makes `_native.ModelLink` by the name of an instance. on_gone: called once, when all threads have ended.
    """

    def __init__(
        self,
        source: FunctionSource,
        config: messages.ModelConfig,
        instances: Sequence[str],
        make_link: Callable[[str], Any],
        reads_memory: bool,
        on_gone: Callable[[ServedFunction], None],
    ) -> None:
        self._name = config.name
        self._on_gone = on_gone
        self._lock = threading.Lock()
        self._stopping: Future[None] | None = None
        self._linked = False
        self._patient = True
        model = _CLASSES[source.kind](
            config.name,
            source.function,
            [Output(tensor.name, tensor.data_type, tuple(tensor.dims)) for tensor in config.output],
            batched=config.max_batch_size > 0,
            status_of=status_of,
            log_error=_log.error,
        )
        self._instances = [
            FunctionInstance(
                name,
                model,
                make_link(name),
                decoupled=source.kind.decoupled,
                overlaps=source.kind.overlaps,
                reads_memory=reads_memory,
            )
            for name in instances
        ]

    def give_links(self) -> list[Any]:
        """Give the data plane its sides of the instances: it closes each when nothing is in it any more."""
        self._linked = True
        return [instance.link for instance in self._instances]

    def stop(self) -> Future[None]:
        """End all instances, each when the data plane has let it go. Does not wait; the future is set at the end."""
        with self._lock:
            if self._stopping is None:
                self._stopping = Future()
                name = f"{self._name}-end"
                threading.Thread(target=self._stop, args=(self._stopping,), name=name, daemon=True).start()
            return self._stopping

    def check_ready(self, answer: Callable[[TritonError | None], None]) -> None:
        """Tell whether all instances can be used."""
        ended = next((instance.name for instance in self._instances if not instance.runs), None)
        answer(TritonError(Code.UNAVAILABLE, f"the thread of '{ended}' has ended") if ended else None)

    def send(self, message: dict[str, Any]) -> None:
        """Nothing that processes are told concerns a thread of this one."""

    def kill(self) -> None:
        """Fail what is in the instances. A thread cannot be ended: what the function does goes on."""
        self._patient = False
        for instance in self._instances:
            instance.link.detach()

    def _stop(self, stopped: Future[None]) -> None:
        try:
            for instance in self._instances:
                if not self._linked:
                    instance.link.detach()
                while self._linked and self._patient and not instance.link.wait_closed(time.monotonic_ns() + _LOOK_NS):
                    pass
            for instance in self._instances:
                if not instance.join(_END_SECONDS):
                    _log.error("'%s' is unloaded, but its function has not returned", instance.name)
        finally:
            self._on_gone(self)
            stopped.set_result(None)
