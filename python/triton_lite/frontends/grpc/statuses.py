"""Engine statuses as gRPC statuses: the numbers are the same."""

from __future__ import annotations

from typing import Any, NoReturn

import grpc

from triton_lite.errors import Code, TritonError

_STATUS = {status.value[0]: status for status in grpc.StatusCode}


def status_of(code: int) -> grpc.StatusCode:
    """Return gRPC's status of a code."""
    return _STATUS.get(int(code), grpc.StatusCode.UNKNOWN)


async def abort(context: Any, error: TritonError) -> NoReturn:
    """End the call with an error."""
    await abort_with(context, int(error.code), error.text)
    raise AssertionError("abort returns never")


async def abort_with(context: Any, code: int, text: str) -> None:
    """End the call with a status; with UNAVAILABLE comes when to try again, as HTTP's Retry-After."""
    if code == Code.UNAVAILABLE:
        await context.abort(grpc.StatusCode.UNAVAILABLE, text, (("retry-after", "1"),))
    await context.abort(status_of(code), text)
