"""What a starting engine tells the process that started it: one JSON object a line, on the descriptor --ready-fd.

    {"event": "listening"}                                          the socket can be connected to
    {"event": "loading", "models": [NAME, ...]}                     these models are going to be loaded
    {"event": "model", "name", "version", "state", "reason"}        one version was loaded or failed
    {"event": "loaded"}                                             that was the last one
    {"event": "failed", "reason"}                                   the engine cannot start and ends

The end of the pipe before "loaded" means that the engine ended.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field


@dataclass(frozen=True)
class ModelState:
    """One version of a model, as the start-up table shows it."""

    name: str
    version: str
    state: str
    reason: str = ""

    @property
    def ready(self) -> bool:
        """Whether requests can be sent to it."""
        return self.state == "READY"


class ReportWriter:
    """The engine's side. Whoever listened may be gone: then reports are dropped."""

    def __init__(self, descriptor: int) -> None:
        """`descriptor`: the pipe, or -1 for nobody."""
        self._descriptor = descriptor

    def listening(self) -> None:
        """The socket can be connected to."""
        self._write({"event": "listening"})

    def loading(self, names: Iterable[str]) -> None:
        """These models are going to be loaded."""
        self._write({"event": "loading", "models": list(names)})

    def model(self, state: ModelState) -> None:
        """One version was loaded, or failed."""
        fields = {"name": state.name, "version": state.version, "state": state.state, "reason": state.reason}
        self._write({"event": "model", **fields})

    def loaded(self) -> None:
        """There is no more to load."""
        self._write({"event": "loaded"})
        self.close()

    def failed(self, reason: str) -> None:
        """The engine cannot start."""
        self._write({"event": "failed", "reason": reason})
        self.close()

    def close(self) -> None:
        """Nothing more will be reported. Idempotent."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def _write(self, event: dict[str, object]) -> None:
        line = json.dumps(event).encode() + b"\n"
        try:
            while line and self._descriptor >= 0:
                line = line[os.write(self._descriptor, line) :]
        except OSError:
            self.close()


@dataclass
class Report:
    """The starter's side: what has been reported so far."""

    listening: bool = False
    loading: list[str] = field(default_factory=list)
    models: list[ModelState] = field(default_factory=list)
    loaded: bool = False
    failure: str = ""
    _rest: bytes = b""

    def feed(self, data: bytes) -> None:
        """Take bytes from the pipe. Raises ValueError if they are no report."""
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines:
            self._take(json.loads(line))

    def _take(self, event: dict[str, object]) -> None:
        kind = event.get("event")
        if kind == "listening":
            self.listening = True
        elif kind == "loading":
            names = event["models"]
            assert isinstance(names, list)
            self.loading = [str(name) for name in names]
        elif kind == "model":
            self.models.append(ModelState(*(str(event[key]) for key in ("name", "version", "state", "reason"))))
        elif kind == "loaded":
            self.loaded = True
        elif kind == "failed":
            self.failure = str(event["reason"])

    def outstanding(self) -> Iterator[str]:
        """The models that nothing has been said of yet."""
        known = {model.name for model in self.models}
        return (name for name in self.loading if name not in known)
