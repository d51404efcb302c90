"""What runs one version of a model outside of the data plane: processes, or threads of this program."""

from __future__ import annotations

from concurrent.futures import Future
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from triton_lite.engine.model_processes.control import Message
    from triton_lite.engine.model_processes.readiness import Answer


class RunningModel(Protocol):
    """See `PythonModel`, which is one. Thread-safe but for `send` and `kill`."""

    def give_links(self) -> list[Any]: ...  # noqa: D102
    def stop(self) -> Future[None]: ...  # noqa: D102
    def check_ready(self, answer: Answer) -> None: ...  # noqa: D102
    def send(self, message: Message) -> None: ...  # noqa: D102
    def kill(self) -> None: ...  # noqa: D102
