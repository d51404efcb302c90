"""What kind of function it is, which says how it is run."""

from __future__ import annotations

import enum
import inspect
from collections.abc import Callable
from typing import Any


class FunctionKind(enum.Enum):
    """Named by what calling it returns."""

    ARRAYS = enum.auto()
    COROUTINE = enum.auto()
    GENERATOR = enum.auto()
    ASYNC_GENERATOR = enum.auto()

    @property
    def decoupled(self) -> bool:
        """Whether a request may have any number of answers."""
        return self in (FunctionKind.GENERATOR, FunctionKind.ASYNC_GENERATOR)

    @property
    def overlaps(self) -> bool:
        """Whether one instance has several requests under way."""
        return self in (FunctionKind.COROUTINE, FunctionKind.ASYNC_GENERATOR)


_TESTS: tuple[tuple[Callable[[Any], bool], FunctionKind], ...] = (
    (inspect.isasyncgenfunction, FunctionKind.ASYNC_GENERATOR),
    (inspect.isgeneratorfunction, FunctionKind.GENERATOR),
    (inspect.iscoroutinefunction, FunctionKind.COROUTINE),
)


def kind_of(function: Callable[..., Any]) -> FunctionKind:
    """Tell the kind of a function, or of an object that can be called."""
    called = getattr(type(function), "__call__", None)  # noqa: B004 - what a call of the object runs.
    for test, kind in _TESTS:
        if test(function) or test(called):
            return kind
    return FunctionKind.ARRAYS
