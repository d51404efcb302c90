"""A change of the instances of one version while it is served: prepared aside, and then made or dropped."""

from __future__ import annotations

import time
from collections.abc import Sequence
from concurrent.futures import Future, wait
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Protocol, cast

from triton_lite.engine.instances import Placed, Running, compare
from triton_lite.engine.loaded_version import LoadedVersion
from triton_lite.proto import messages

if TYPE_CHECKING:
    from triton_lite.engine.model_processes.instance import ModelInstance
    from triton_lite.engine.model_processes.model import ModelVersion, PythonModel
    from triton_lite.engine.model_processes.placement import Placement


class InstanceMaker(Protocol):
    """What is needed of `_native.Engine`."""

    def open_python_model(self, links: Any) -> Any: ...  # noqa: D102
    def make_instances(self, model: Any, spec: Any, ordinals: list[int], opened: Any = None) -> Any: ...  # noqa: D102
    def update_instances(self, model: Any, added: Any, removed: list[int]) -> Any: ...  # noqa: D102


@dataclass
class Departure:
    """Instances that go, each when nothing is in it any more."""

    retirement: Any = None
    processes: list[Future[None]] = field(default_factory=list)

    def wait(self, seconds: float) -> None:
        """Wait until they are gone, but not longer."""
        deadline = time.monotonic() + seconds
        if self.retirement is None or self.retirement.wait(seconds):
            wait(self.processes, max(0.0, deadline - time.monotonic()))


class InstanceUpdate:
    """`make` or `start` first, then `commit` or `discard`. None of them may meet another of the same model.

    running: the instances of the version before. config: complete, with the new instance groups. wanted: the instances
    that it asks for.
    """

    def __init__(
        self,
        engine: InstanceMaker,
        before: LoadedVersion,
        running: Sequence[Running],
        config: messages.ModelConfig,
        wanted: Sequence[Placed],
    ) -> None:
        self._engine = engine
        self._before = before
        self._config = config
        self._wanted = wanted
        self._changes = compare(running, wanted)
        self._made: Any = None
        self._started: list[ModelInstance] = []

    def make(self, spec: Any) -> None:
        """Make and warm up the instances that are lacking. Raises TritonError."""
        self._make(spec, None)

    def start(self, spec: Any, version: ModelVersion, placements: Sequence[Placement]) -> None:
        """Start the processes that are lacking, of a Python model. Raises TritonError; they end then."""
        added = self._changes.added
        self._started = self._processes.start_more(version, [placements[place] for place in added])
        opened = None
        try:
            opened = self._engine.open_python_model([instance.link for instance in self._started]) if added else None
            self._make(spec, opened)
        except BaseException:
            opened = None  # The last share in their links, see `end`.
            self.discard()
            raise

    def commit(self) -> tuple[LoadedVersion, Departure]:
        """Let the new instances serve, and those go that are not wanted any more."""
        numbers: list[int] = []
        departure = Departure()
        if self._changes.added or self._changes.removed:
            numbers, departure.retirement = self._engine.update_instances(
                self._before.handle.native, self._made, self._changes.removed
            )
        if self._before.processes is not None:
            added = dict(zip(numbers, self._started, strict=True))
            departure.processes = self._processes.replace(added, self._changes.removed)
        running = self._changes.running(self._wanted, numbers)
        return replace(self._before, config=self._config, instances=running), departure

    def discard(self) -> None:
        """End the new instances. Everything is as it was then."""
        if self._made is not None:
            self._made.discard()
        if self._started:
            self._processes.end(self._started)

    def _make(self, spec: Any, opened: Any) -> None:
        if self._changes.added:
            self._made = self._engine.make_instances(self._before.handle.native, spec, self._changes.added, opened)

    @property
    def _processes(self) -> PythonModel:
        return cast("PythonModel", self._before.processes)  # Functions have instances that do not change.
