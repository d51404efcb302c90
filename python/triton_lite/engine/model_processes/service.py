"""All model processes of one engine."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import wait
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from triton_lite.engine.model_processes.reactor import Reactor
from triton_lite.engine.model_processes.running import RunningModel
from triton_lite.proto import messages

if TYPE_CHECKING:
    from triton_lite.engine.model_processes.control import Message
    from triton_lite.engine.model_processes.environments import Environments
    from triton_lite.engine.model_processes.model import ModelVersion, PythonModel
    from triton_lite.engine.model_processes.placement import Placement
    from triton_lite.engine.model_processes.session import Calls, Surroundings
    from triton_lite.engine.model_processes.settings import PythonSettings

_log = logging.getLogger(__name__)

_DEATH_SECONDS = 2.0

_Running = TypeVar("_Running", bound=RunningModel)


class ModelProcesses:
    """Starts nothing, and imports little, until there is a model of the Python backend. Thread-safe.

    native: `_native`. calls: carries out what models ask of the server. runtime_folder: under which environments are
    unpacked, the folder for temporary files where it is empty.
    """

    def __init__(self, native: Any, calls: Calls, runtime_folder: str = "") -> None:
        self._native = native
        self._calls = calls
        self._runtime_folder = runtime_folder
        self._reactor = Reactor()
        self._lock = threading.Lock()
        self._models: set[RunningModel] = set()
        self._shared: tuple[Surroundings, Environments] | None = None

    def metrics_text(self) -> str:
        """Write the metrics that models make."""
        return "" if self._shared is None else self._shared[0].metrics.text()

    def complete(self, version: ModelVersion, settings: PythonSettings) -> messages.ModelConfig | None:
        """Ask a model to complete its configuration, see `ask_for_completion`. Raises TritonError."""
        from triton_lite.engine.model_processes.completion import ask_for_completion
        from triton_lite.engine.model_processes.placement import check_name

        check_name(version.config.name)
        surroundings, environments = self._share()
        environment = environments.open(version.config, version.directory, version.files.directory)
        try:
            return ask_for_completion(surroundings, environment, version, settings.initialize_seconds)
        finally:
            environment.release()

    def open(self, version: ModelVersion, placements: Sequence[Placement], settings: PythonSettings) -> PythonModel:
        """Start the processes of a version; they are initialized when this returns. Raises TritonError."""
        from triton_lite.engine.model_processes.model import PythonModel

        link = self._native.ModelLink
        surroundings, environments = self._share()
        environment = environments.open(version.config, version.directory, version.files.directory)
        model = PythonModel(
            surroundings, environment, version, placements, settings, link, link.reads_memory, self._forget
        )
        with self._lock:
            self._models.add(model)
        try:
            model.start()
        except BaseException:
            model.stop().result()
            raise
        return model

    def adopt(self, start: Callable[[Callable[[RunningModel], None]], _Running]) -> _Running:
        """Take what runs otherwise among those that `close` ends. start: starts it, given what to call at its end."""
        model = start(self._forget)
        with self._lock:
            self._models.add(model)
        return model

    def set_verbosity(self, level: int) -> None:
        """Tell all models how much detail is logged from now on."""
        with self._lock:
            models = list(self._models)
        if models:
            # Sent before the caller goes on: requests that come after it find it there.
            self._reactor.run(partial(_tell, models, {"op": "log_verbose", "level": level}))

    def kill(self) -> None:
        """End all models that are there at once: what is in them fails."""
        with self._lock:
            models = list(self._models)
        if models:
            self._reactor.call_soon(partial(_kill, models))

    def close(self, seconds: float) -> None:
        """End all processes: they may finalize for so long. Removes all that was unpacked. Idempotent."""
        with self._lock:
            models = list(self._models)
        if models:
            _, left = wait([model.stop() for model in models], seconds)
            if left:
                _log.error("%d models did not end in %g s: their processes are ended", len(left), seconds)
                self._reactor.call_soon(partial(_kill, models))
                wait(left, _DEATH_SECONDS)
        self._reactor.stop()
        if self._shared is not None:
            self._shared[1].close()

    def _share(self) -> tuple[Surroundings, Environments]:
        """Return what all processes share, made with the first of them."""
        from triton_lite.engine.model_processes.custom_metrics import CustomMetrics
        from triton_lite.engine.model_processes.environments import Environments
        from triton_lite.engine.model_processes.session import Surroundings

        with self._lock:
            if self._shared is None:
                surroundings = Surroundings(self._reactor, CustomMetrics(), self._calls)
                self._shared = surroundings, Environments(self._runtime_folder)
            return self._shared

    def _forget(self, model: RunningModel) -> None:
        with self._lock:
            self._models.discard(model)


def _tell(models: Sequence[RunningModel], message: Message) -> None:
    for model in models:
        model.send(message)


def _kill(models: Sequence[RunningModel]) -> None:
    for model in models:
        model.kill()
