"""The answers to control calls: one module a topic, each with a table of its methods.

A new topic is a new module and its line in `_TOPICS`. A method of the protocol that no topic answers is
UNIMPLEMENTED, here and nowhere else.
"""

from __future__ import annotations

from triton_lite.engine.handlers import admin, health, logging, metadata, repository, shared_memory, statistics, trace
from triton_lite.engine.handlers.handler import Context, Handler
from triton_lite.errors import Code, TritonError
from triton_lite.proto.methods import method_name

_TOPICS = (health, metadata, repository, shared_memory, statistics, trace, logging, admin)

_HANDLERS: dict[int, Handler] = {number: handler for topic in _TOPICS for number, handler in topic.HANDLERS.items()}
__all__ = ["Context", "Handler", "handler_of"]


def handler_of(method: int) -> Handler:
    """Find what answers a method. Raises TritonError(UNIMPLEMENTED) where nothing does."""
    handler = _HANDLERS.get(method)
    if handler is None:
        raise TritonError(Code.UNIMPLEMENTED, f"{method_name(method)} is not available in this release")
    return handler
