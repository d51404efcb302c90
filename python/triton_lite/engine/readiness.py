"""Whether models are ready: they are served, and their processes, if they have any, have no objection."""

from __future__ import annotations

import logging
from collections.abc import Callable

from triton_lite.engine.model_processes.running import RunningModel
from triton_lite.engine.state import UNLOADED, ModelTable, State
from triton_lite.errors import TritonError

_log = logging.getLogger(__name__)


class ReadinessChecks:
    """Answers at once, or later in another thread where a model has to be asked. Thread-safe.

    processes: finds those of a version of a model, by key. key_of: finds the key of a name; raises TritonError.
    """

    def __init__(
        self,
        table: ModelTable,
        processes: Callable[[str, int], RunningModel | None],
        key_of: Callable[[str], str],
    ) -> None:
        self._table = table
        self._processes = processes
        self._key_of = key_of

    def check_model(self, name: str, version: int, answer: Callable[[bool], None]) -> None:
        """Tell whether a version of a model is ready, -1: the latest. Raises TritonError for one that is not there."""
        key = self._key_of(name)
        self._table.served(key, version)
        if version == -1:
            version = max(self._table.ready_versions(key), default=-1)
        self._check(name, version, self._processes(key, version), answer)

    def check_all(self, answer: Callable[[bool], None]) -> None:
        """Tell whether all models are ready: a model without any version is not, one that somebody unloaded is passed
        over.
        """
        asked: list[tuple[str, int, RunningModel]] = []
        for key, versions in self._table.states().items():
            if not versions:
                answer(False)
                return
            for version, status in versions.items():
                if status.state is State.READY:
                    processes = self._processes(key, version)
                    if processes is not None:
                        asked.append((key, version, processes))
                elif status.reason != UNLOADED:
                    answer(False)
                    return
        left = len(asked)

        def one(ready: bool) -> None:
            nonlocal left
            if left > 0:
                left = left - 1 if ready else 0
                if not left:
                    answer(ready)

        if not asked:
            answer(True)
        for key, version, processes in asked:
            self._check(key, version, processes, one)

    def _check(self, name: str, version: int, processes: RunningModel | None, answer: Callable[[bool], None]) -> None:
        if processes is None:
            answer(True)
            return

        def checked(error: TritonError | None) -> None:
            if error is not None:
                _log.debug("Model '%s' version %d is not ready: %s", name, version, error.text)
            answer(error is None)

        processes.check_ready(checked)
