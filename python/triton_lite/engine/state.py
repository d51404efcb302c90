"""The states of the versions of models, and the table of all of them."""

from __future__ import annotations

import enum
import threading
import time
from dataclasses import dataclass, field

from triton_lite.errors import Code, TritonError
from triton_lite.proto import messages

UNLOADED = "unloaded"
"""The reason of a version that is unavailable because somebody asked for it."""


class State(enum.Enum):
    """Where a version stands, by the names of the repository index."""

    LOADING = "LOADING"
    READY = "READY"
    UNLOADING = "UNLOADING"
    UNAVAILABLE = "UNAVAILABLE"


# From each state, the states that may follow. None: a version that was never loaded.
_EDGES: dict[State | None, set[State]] = {
    None: {State.LOADING},
    State.LOADING: {State.READY, State.UNAVAILABLE},
    State.READY: {State.READY, State.UNLOADING},  # READY again: a reload was swapped in.
    State.UNLOADING: {State.UNAVAILABLE, State.LOADING},
    State.UNAVAILABLE: {State.LOADING},
}


@dataclass(frozen=True)
class VersionStatus:
    """A snapshot of one version.

    reason: Triton's text, advice: what else its author can do about it, when it is unavailable. config: complete,
    while it is served. since: time.monotonic().
    """

    state: State
    reason: str = ""
    advice: str = ""
    config: messages.ModelConfig | None = None
    since: float = 0.0


@dataclass(frozen=True)
class Problem:
    """Why nothing of a model could be loaded: Triton's text, which it only logs, and advice for the author."""

    text: str
    advice: str = ""


@dataclass
class _Model:
    versions: dict[int, VersionStatus] = field(default_factory=dict)
    tried: bool = False  # Loading was begun: the model counts for readiness, even without any version.
    problem: Problem | None = None


class ModelTable:
    """What is known of every model. Thread-safe; snapshots are immutable."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._models: dict[str, _Model] = {}

    def advance(
        self,
        name: str,
        version: int,
        to: State,
        *,
        reason: str = "",
        advice: str = "",
        config: messages.ModelConfig | None = None,
    ) -> VersionStatus:
        """Move a version to another state and return it. Raises ValueError for a move there is not."""
        with self._lock:
            model = self._models.setdefault(name, _Model())
            known = model.versions.get(version)
            if to not in _EDGES[known.state if known else None]:
                raise ValueError(f"'{name}' version {version} cannot go from {known and known.state} to {to}")
            status = model.versions[version] = VersionStatus(to, reason, advice, config, time.monotonic())
            model.tried = True
            return status

    def advance_from(self, name: str, version: int, status: VersionStatus, to: State, *, reason: str) -> bool:
        """Move a version to another state if it is still at `status`. Returns whether it was."""
        with self._lock:
            if self._models[name].versions[version] is not status:
                return False
            self._models[name].versions[version] = VersionStatus(to, reason, since=time.monotonic())
            return True

    def try_without_version(self, name: str) -> None:
        """Enter a model of which there is no version to load: it is known, and not ready."""
        with self._lock:
            self._models.setdefault(name, _Model()).tried = True

    def set_problem(self, name: str, problem: Problem | None) -> None:
        """Remember why a model could not be loaded; None when it was."""
        with self._lock:
            self._models.setdefault(name, _Model()).problem = problem

    def states(self) -> dict[str, dict[int, VersionStatus]]:
        """Snapshot the models whose loading was ever begun, by name, their versions ascending."""
        with self._lock:
            return {
                name: dict(sorted(model.versions.items()))
                for name, model in sorted(self._models.items())
                if model.tried
            }

    def versions(self, name: str) -> dict[int, VersionStatus] | None:
        """Snapshot the versions of one model, ascending; None if its loading was never begun."""
        with self._lock:
            model = self._models.get(name)
            return dict(sorted(model.versions.items())) if model and model.tried else None

    def problems(self) -> dict[str, Problem]:
        """Snapshot why models could not be loaded, by name."""
        with self._lock:
            return {name: model.problem for name, model in sorted(self._models.items()) if model.problem}

    def problem_of(self, name: str) -> str:
        """Return why a model could not be loaded; empty when it was or is not known."""
        with self._lock:
            model = self._models.get(name)
            return model.problem.text if model and model.problem else ""

    def served(self, name: str, version: int) -> VersionStatus:
        """Find the version that a request means, -1 for the latest that is ready.

        Raises TritonError(NOT_FOUND or UNAVAILABLE) with Triton's text.
        """
        prefix = f"Request for unknown model: '{name}' "
        versions = self.versions(name)
        if versions is None:
            raise TritonError(Code.NOT_FOUND, prefix + "is not found")
        if version == -1:
            ready = [number for number, status in versions.items() if status.state is State.READY]
            if not ready:
                raise TritonError(Code.NOT_FOUND, prefix + "has no available versions")
            version = max(ready)
        status = versions.get(version)
        if status is None:
            raise TritonError(Code.NOT_FOUND, f"{prefix}version {version} is not found")
        if status.state is not State.READY:
            raise TritonError(Code.UNAVAILABLE, f"{prefix}version {version} is not at ready state")
        return status

    def ready_versions(self, name: str) -> list[int]:
        """List the versions of a model that are ready, ascending."""
        versions = self.versions(name) or {}
        return [number for number, status in versions.items() if status.state is State.READY]
