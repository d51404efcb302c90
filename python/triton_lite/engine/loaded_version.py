"""One version of a model, loaded into the data plane."""

from __future__ import annotations

from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any

from triton_lite.engine.instances import Running
from triton_lite.engine.model_processes.running import RunningModel
from triton_lite.proto import messages


@dataclass
class Handle:
    """A share in a model of the data plane, which can be given up: whoever else has this object keeps nothing alive."""

    native: Any


@dataclass(frozen=True)
class LoadedVersion:
    """One version, loaded but not served yet. processes: what runs a model of the Python backend. instances: None until
    they are changed for the first time.
    """

    config: messages.ModelConfig
    labels: dict[str, list[str]]
    handle: Handle
    processes: RunningModel | None = None
    instances: tuple[Running, ...] | None = None

    def let_go(self) -> Future[None] | None:
        """Give it up. It ends when no request is in it any more, and then its processes, which can be waited for."""
        self.handle.native = None
        return self.processes.stop() if self.processes is not None else None
