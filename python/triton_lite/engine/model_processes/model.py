"""One version of a model of the Python backend: its instances, from their start to their end."""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, wait
from dataclasses import dataclass
from typing import Any

from triton_lite.config.backends import PYTHON_RUNTIME, is_python_based
from triton_lite.config.json_form import to_json_text
from triton_lite.config.spec import VersionFiles
from triton_lite.engine.model_processes.control import Message
from triton_lite.engine.model_processes.environments import Environment
from triton_lite.engine.model_processes.instance import Link, ModelInstance
from triton_lite.engine.model_processes.placement import Placement
from triton_lite.engine.model_processes.readiness import Answer
from triton_lite.engine.model_processes.session import Session, Surroundings
from triton_lite.engine.model_processes.settings import PythonSettings
from triton_lite.errors import Code, TritonError
from triton_lite.logs import settings as log_settings
from triton_lite.proto import messages

_log = logging.getLogger(__name__)

_LOOK_NS = 100_000_000


@dataclass(frozen=True)
class ModelVersion:
    """What the processes of a version are told.

    caller: the key of the model, for what it asks of the server. directory: of the model, which holds its versions.
    backend_directory: the folder of backends that are written in Python.
    """

    caller: str
    config: messages.ModelConfig
    directory: str
    files: VersionFiles
    backend_directory: str

    @property
    def code(self) -> str:
        """The path of the code: the version's own, or that of a backend, which all models of the backend share."""
        if is_python_based(self.config):
            return os.path.join(os.path.abspath(self.backend_directory), self.config.backend, PYTHON_RUNTIME)
        return os.path.join(self.files.directory, self._own_file)

    @property
    def model_file(self) -> str:
        """The code as a process is told of it: a name in the folder of the version, or the path of a backend's."""
        return self.code if is_python_based(self.config) else self._own_file

    @property
    def _own_file(self) -> str:
        return self.config.default_model_filename or "model.py"

    def check_code(self) -> None:
        """Check that there is code before a process is started for it. Raises TritonError with Triton's text."""
        path = self.code
        if not os.path.exists(path):
            raise TritonError(
                Code.INTERNAL, f"Failed to preinitialize Python stub: Python model file not found in '{path}'"
            )
        if not path.endswith(".py"):
            name = os.path.basename(path)
            raise TritonError(Code.INTERNAL, f"Model name must end with '.py'. Model name is \"{name}\".")

    def initialize(self, placement: Placement, *, read_memory: bool) -> Message:
        """Make the message that a process of an instance is initialized with."""
        return {
            "op": "initialize",
            "args": {
                "model_config": to_json_text(self.config),
                "model_instance_kind": placement.kind,
                "model_instance_name": placement.name,
                "model_instance_device_id": str(placement.device_id),
                "model_repository": self.directory,
                "model_version": str(self.files.version),
                "model_name": self.config.name,
            },
            "version_directory": self.files.directory,
            "model_file": self.model_file,
            "decoupled": self.config.model_transaction_policy.decoupled,
            "read_memory": read_memory,
            "log_verbose": log_settings().verbose,
        }


class PythonModel:
    """The processes of one version. Thread-safe.

    make_link: makes `_native.ModelLink` by the name of an instance. reads_memory: whether the data plane can read the
    memory of a process. on_gone: called once, when all processes have ended.
    """

    def __init__(
        self,
        surroundings: Surroundings,
        environment: Environment,
        version: ModelVersion,
        placements: Sequence[Placement],
        settings: PythonSettings,
        make_link: Callable[[str], Link],
        reads_memory: Callable[[int], bool],
        on_gone: Callable[[PythonModel], None],
    ) -> None:
        self._surroundings = surroundings
        self._environment = environment
        self._version = version
        self._settings = settings
        self._make_link = make_link
        self._reads_memory = reads_memory
        self._on_gone = on_gone
        self._lock = threading.Lock()
        self._stopping: Future[None] | None = None
        self._linked = False
        self._patient = True
        # Replaced as a whole, since other threads go through them.
        self._serving = dict(enumerate(self._instance(version, placement) for placement in placements))
        self._apart: list[ModelInstance] = []  # Those that do not serve yet, or not any more.

    def give_links(self) -> list[Any]:
        """Give the data plane its sides of the instances: it closes each when nothing is in it any more."""
        self._linked = True
        return [instance.link for instance in self._serving.values()]

    def start(self) -> None:
        """Start all instances side by side; they are initialized when this returns. Raises TritonError for the first
        that fails; then `stop` ends the others.
        """
        self._start(list(self._serving.values()))

    def start_more(self, version: ModelVersion, placements: Sequence[Placement]) -> list[ModelInstance]:
        """Start more instances side by side; they are initialized when this returns, and serve from `replace` on.

        version: what their processes are told. Raises TritonError for the first that fails; all of them end then.
        """
        added = [self._instance(version, placement) for placement in placements]
        with self._lock:
            self._apart = [*self._apart, *added]
        try:
            self._start(added)
        except BaseException:
            self._end(added, linked=False)
            raise
        return added

    def replace(self, added: Mapping[int, ModelInstance], removed: Sequence[int]) -> list[Future[None]]:
        """Take note that the data plane has other instances now, by its numbers. Those removed end as in `end`."""
        with self._lock:
            gone = [self._serving[number] for number in removed]
            kept = {number: one for number, one in self._serving.items() if number not in removed}
            self._serving = kept | dict(added)
            self._apart = [one for one in self._apart if one not in added.values()] + gone
        return self.end(gone)

    def end(self, instances: Sequence[ModelInstance]) -> list[Future[None]]:
        """End instances that do not serve, each when the data plane has let it go. Does not wait."""
        return self._end(instances, linked=True)

    def stop(self) -> Future[None]:
        """End all instances, each when the data plane has let it go. Does not wait; the future is set at the end."""
        with self._lock:
            if self._stopping is None:
                self._stopping = Future()
                name = f"{self._version.config.name}-{self._version.files.version}-end"
                threading.Thread(target=self._stop, args=(self._stopping,), name=name, daemon=True).start()
            return self._stopping

    def check_ready(self, answer: Answer) -> None:
        """Tell whether all instances can be used; `answer` is called in the reactor's thread."""

        def check() -> None:
            serving = list(self._serving.values())
            left = len(serving)

            def one(error: TritonError | None) -> None:
                nonlocal left
                if left > 0:
                    left = left - 1 if error is None else 0
                    if not left:
                        answer(error)

            if not left:
                answer(None)
            for instance in serving:
                instance.check_ready(one)

        if not self._surroundings.reactor.call_soon(check):
            answer(TritonError(Code.UNAVAILABLE, "Server exiting"))

    def send(self, message: Message) -> None:
        """Tell all processes something that they do not answer. In the reactor's thread."""
        for instance in self._all():
            instance.send(message)

    def kill(self) -> None:
        """End all processes at once, whatever is in them; `stop` goes on. In the reactor's thread."""
        self._patient = False
        for instance in self._all():
            instance.kill()

    def _all(self) -> list[ModelInstance]:
        return [*self._serving.values(), *self._apart]

    def _instance(self, version: ModelVersion, placement: Placement) -> ModelInstance:
        link = self._make_link(placement.name)
        link.set_execute_timeout(self._settings.execute_timeout_ns)

        def open_session(on_death: Callable[[str], None]) -> Session:
            program = self._environment.program
            return Session(self._surroundings, program, placement.name, self._version.caller, on_death)

        return ModelInstance(
            self._surroundings.reactor,
            placement.name,
            link,
            self._settings,
            open_session,
            lambda pid: version.initialize(placement, read_memory=self._reads_memory(pid)),
        )

    def _start(self, instances: Sequence[ModelInstance]) -> None:
        futures: list[Future[None]] = [Future() for _ in instances]

        def start() -> None:
            for instance, future in zip(instances, futures, strict=True):
                instance.start(future)

        self._surroundings.reactor.run(start)
        for future in futures:
            future.result()

    def _end(self, instances: Sequence[ModelInstance], *, linked: bool) -> list[Future[None]]:
        ends: list[Future[None]] = []
        for instance in instances:
            ends.append(Future())
            name = f"{instance.name}-end"
            threading.Thread(target=self._end_one, args=(instance, linked, ends[-1]), name=name, daemon=True).start()
        return ends

    def _end_one(self, instance: ModelInstance, linked: bool, ended: Future[None]) -> None:
        try:
            self._stop_instances([instance], linked=linked)
        finally:
            with self._lock:
                self._apart = [one for one in self._apart if one is not instance]
            ended.set_result(None)

    def _stop(self, stopped: Future[None]) -> None:
        try:
            self._stop_instances(self._all(), linked=self._linked)
        finally:
            self._environment.release()
            self._on_gone(self)
            stopped.set_result(None)

    def _stop_instances(self, instances: Sequence[ModelInstance], *, linked: bool) -> None:
        """Wait for the data plane, as long as requests are in the instances, and then for the processes."""
        try:
            for instance in instances if linked else ():
                while self._patient and not instance.link.wait_closed(time.monotonic_ns() + _LOOK_NS):
                    pass
            futures: list[Future[None]] = [Future() for _ in instances]

            def stop() -> None:
                for instance, future in zip(instances, futures, strict=True):
                    instance.stop(future)

            self._surroundings.reactor.run(stop)
            wait(futures)
        except TritonError:
            pass  # The server has ended, and the processes with it.
        except Exception:
            _log.exception("ending '%s' ended unexpectedly", self._version.config.name)
