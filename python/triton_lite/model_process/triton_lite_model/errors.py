"""Errors as models see and raise them, and the text that Triton makes of an exception."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from .enums import CompiledEnum

if TYPE_CHECKING:
    from types import FrameType

_OWN_FOLDER = os.path.dirname(os.path.dirname(os.path.realpath(__file__))) + os.sep


class TritonModelException(Exception):
    """An error that a model raises, or that the interface raises to it."""

    __module__ = "c_python_backend_utils"


class ErrorCode(CompiledEnum):
    """The codes of an error, in the order of Triton's C API."""

    UNKNOWN = 0
    INTERNAL = 1
    NOT_FOUND = 2
    INVALID_ARG = 3
    UNAVAILABLE = 4
    UNSUPPORTED = 5
    ALREADY_EXISTS = 6
    CANCELLED = 7

    def __str__(self) -> str:
        return f"__ErrorCode.{self.name}"


class _GrpcStatus:
    """The gRPC status of each code, and back."""

    OF_CODE = (2, 13, 5, 3, 14, 12, 6, 1)
    TO_CODE = {status: ErrorCode(code) for code, status in enumerate(OF_CODE)}  # noqa: RUF012


def status_of(code: ErrorCode) -> int:
    """Return the gRPC status number of a code."""
    return _GrpcStatus.OF_CODE[code]


def code_of(status: int) -> ErrorCode:
    """Return the code of a gRPC status number; deadlines and the like have none of their own."""
    return _GrpcStatus.TO_CODE.get(status, ErrorCode.UNAVAILABLE if status in (4, 8) else ErrorCode.UNKNOWN)


INTERNAL_STATUS = status_of(ErrorCode.INTERNAL)


class TritonError:
    """The error of a response: a text and a code."""

    __module__ = "c_python_backend_utils"
    __slots__ = ("_code", "_message")

    UNKNOWN = ErrorCode.UNKNOWN
    INTERNAL = ErrorCode.INTERNAL
    NOT_FOUND = ErrorCode.NOT_FOUND
    INVALID_ARG = ErrorCode.INVALID_ARG
    UNAVAILABLE = ErrorCode.UNAVAILABLE
    UNSUPPORTED = ErrorCode.UNSUPPORTED
    ALREADY_EXISTS = ErrorCode.ALREADY_EXISTS
    CANCELLED = ErrorCode.CANCELLED

    def __init__(self, message: str, code: ErrorCode = ErrorCode.INTERNAL) -> None:
        if not isinstance(message, str) or not isinstance(code, ErrorCode):
            raise TypeError(
                "__init__(): incompatible constructor arguments. The following argument types are supported:\n"
                "    1. c_python_backend_utils.TritonError(message: str, "
                "code: c_python_backend_utils.TritonError.__ErrorCode = <__ErrorCode.INTERNAL: 1>)\n\n"
                f"Invoked with: {message!r}, {code!r}"
            )
        self._message = message
        self._code = code

    def code(self) -> ErrorCode:
        """Return the code, one of those of the class."""
        return self._code

    def message(self) -> str:
        """Return the text."""
        return self._message


def describe(error: BaseException) -> str:
    """Return the text that Triton has for an exception: type, text, and the frames it passed, the deepest first.

    Frames of this folder are left out, since Triton has none there: those deepest, and all from the one that called the
    model.
    """
    if type(error) is Refusal:
        return str(error)
    try:
        text = str(error)
    except Exception:
        text = "<MESSAGE UNAVAILABLE>"
    text = text or "<EMPTY MESSAGE>"
    text = f"{type(error).__name__}: {text}"
    trace = error.__traceback__
    if trace is None:
        return text
    while trace.tb_next is not None:
        trace = trace.tb_next
    lines = []
    frame: FrameType | None = trace.tb_frame
    while frame is not None:
        code = frame.f_code
        if not os.path.realpath(code.co_filename).startswith(_OWN_FOLDER):
            lines.append(f"  {code.co_filename}({frame.f_lineno}): {code.co_name}\n")
        elif lines:
            break
        frame = frame.f_back
    return text + "\n\nAt:\n" + "".join(lines) if lines else text


class Refusal(TritonModelException):
    """What the loop itself finds wrong with a model: told by its text alone, without type and frames."""
