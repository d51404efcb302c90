"""Which instance code of a model belongs to: the only one of its process, or the one whose loop called it."""

from __future__ import annotations

import contextvars
from typing import TYPE_CHECKING

from .errors import TritonModelException

if TYPE_CHECKING:
    from .instance import Instance

executing: contextvars.ContextVar[tuple[Instance, int] | None] = contextvars.ContextVar("executing", default=None)
"""The instance whose execute runs, and the key of the (first) request."""

_process: list[Instance] = []


def serve_process(instance: Instance) -> None:
    """Make an instance that of the whole process, threads of the model's own making included."""
    _process[:] = [instance]


def find_instance() -> Instance | None:
    """Return the instance that the running code belongs to."""
    running = executing.get()
    if running is not None:
        return running[0]
    return _process[0] if _process else None


def current_instance(known: Instance | None = None) -> Instance:
    """Return the instance, or refuse as Triton does outside of one."""
    instance = known or find_instance()
    if instance is None:
        raise TritonModelException("BLS is only supported during the 'execute' function.")
    return instance
