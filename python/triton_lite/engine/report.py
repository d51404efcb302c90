"""What a starting engine tells the process that started it: one JSON object a line, on the descriptor --ready-fd.

    {"event": "listening"}                                        the socket can be connected to
    {"event": "progress", "done": N, "waiting": [NAME, ...]}      now and then while loading takes long
    {"event": "model", "name", "version", "state", "reason", "advice"}     one for each version, when all were tried
    {"event": "loaded", "problem"}                                that was the last one; empty if all are served

The end of the pipe before "loaded" means that the engine ended, or that its starter wanted to hear no more.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass(frozen=True)
class ModelState:
    """One version of a model, as the start-up table shows it. version: empty if nothing of the model was found."""

    name: str
    version: str
    state: str
    reason: str = ""
    advice: str = ""

    @property
    def ready(self) -> bool:
        """Whether requests can be sent to it."""
        return self.state == "READY"


class ReportWriter:
    """The engine's side. Whoever listened may be gone: then reports are dropped. Used by one thread at a time."""

    def __init__(self, descriptor: int | None) -> None:
        """`descriptor`: the pipe, or None for nobody."""
        self._descriptor = -1 if descriptor is None else descriptor

    def listening(self) -> None:
        """The socket can be connected to."""
        self._write({"event": "listening"})

    def progress(self, done: int, waiting: Sequence[str]) -> None:
        """So many models are done, these are still loading."""
        self._write({"event": "progress", "done": done, "waiting": list(waiting)})

    def loaded(self, models: Iterable[ModelState], problem: str) -> None:
        """Everything was tried: the outcome. problem: why the start is not complete; empty if it is."""
        for model in models:
            self._write({"event": "model", **asdict(model)})
        self._write({"event": "loaded", "problem": problem})
        self.close()

    def close(self) -> None:
        """Nothing more will be reported. Idempotent."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def _write(self, event: dict[str, object]) -> None:
        if self._descriptor < 0:
            return
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
    done: int = 0
    waiting: list[str] = field(default_factory=list)
    models: list[ModelState] = field(default_factory=list)
    loaded: bool = False
    problem: str = ""
    _rest: bytes = b""

    def feed(self, data: bytes) -> None:
        """Take bytes from the pipe. Raises ValueError if they are no report."""
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines:
            event = json.loads(line)
            try:
                self._take(event.pop("event"), event)
            except (AttributeError, KeyError, TypeError) as error:
                raise ValueError(f"not a report of an engine: {line!r}") from error

    def _take(self, kind: str, event: dict[str, Any]) -> None:
        if kind == "listening":
            self.listening = True
        elif kind == "progress":
            self.done, self.waiting = int(event["done"]), list(event["waiting"])
        elif kind == "model":
            self.models.append(ModelState(**event))
        elif kind == "loaded":
            self.loaded, self.problem = True, str(event["problem"])
