"""The sender of a request's responses, for decoupled models and for any that answers before execute returns."""

from __future__ import annotations

import threading
from functools import partial
from typing import TYPE_CHECKING

from .deferred import later, prepare
from .errors import TritonModelException
from .inference_response import InferenceResponse

if TYPE_CHECKING:
    from collections.abc import Set

    from .instance import Instance

COMPLETE_FINAL = 1


class InferenceResponseSender:
    """Sends responses of one request, from any thread, until the final flag."""

    __module__ = "c_python_backend_utils"
    __slots__ = ("__weakref__", "_closed", "_instance", "_key", "_lock", "_requested", "_sent")

    def __init__(self, instance: Instance | None, key: int, requested: Set[str] | None) -> None:
        prepare()
        self._instance = instance
        self._key = key
        self._requested = requested
        self._lock = threading.Lock()
        self._sent = 0
        self._closed = instance is None

    def send(self, response: InferenceResponse | None = None, flags: int = 0) -> None:
        """Send a response, the final flag, or both."""
        if (
            (response is not None and not isinstance(response, InferenceResponse))
            or not isinstance(flags, int)
            or flags < 0
        ):
            raise TypeError(
                "send(): incompatible function arguments. The following argument types are supported:\n"
                "    1. (self: c_python_backend_utils.InferenceResponseSender, response: "
                "c_python_backend_utils.InferenceResponse = None, flags: int = 0) -> None\n\n"
                f"Invoked with: {self!r}, {response!r}, {flags!r}"
            )
        if flags not in (0, COMPLETE_FINAL):
            raise TritonModelException("Unable to send response. Unsupported flag provided.")
        if response is None and flags == 0:
            raise TritonModelException(
                "Inference Response object must be provided when the response flags is set to zero."
            )
        with self._lock:
            self._update(response, flags)
            instance = self._instance
            if instance is not None:
                instance.send_response(self._key, response, flags == COMPLETE_FINAL, self._requested)

    def is_cancelled(self) -> bool:
        """Return whether the client has given the request up."""
        instance = self._instance
        return instance is not None and instance.is_cancelled(self._key)

    def _has_room(self) -> bool:
        """Return whether send need not wait for the client."""
        instance = self._instance
        return instance is None or instance.has_room(self._key)

    def _update(self, response: InferenceResponse | None, flags: int) -> None:
        """Count what goes out, and refuse what must not."""
        instance = self._instance
        if instance is None:
            raise TritonModelException(
                "Unable to send response. Response sender has no reference to the decoupled state of the model."
            )
        if not instance.decoupled:
            if response is not None and self._sent > 0:
                raise TritonModelException(
                    "Unable to send response. Non-decoupled model cannot send more than one response."
                )
            if response is None and flags == COMPLETE_FINAL and self._sent == 0:
                raise TritonModelException(
                    "Unable to send response. Non-decoupled model cannot send complete final before sending a response."
                )
        if self._closed:
            raise TritonModelException("Unable to send response. Response sender has been closed.")
        if flags == COMPLETE_FINAL:
            self._closed = True
        self._sent += 1

    def _take_over(self, response: InferenceResponse) -> None:
        """Let execute's return answer the request in place of this sender."""
        with self._lock:
            self._update(response, COMPLETE_FINAL)

    def _close(self) -> bool:
        """Let nothing more be sent; return whether it was still open."""
        with self._lock:
            was_open, self._closed = not self._closed, True
            return was_open

    def __del__(self) -> None:
        if self._closed:
            return
        self._closed = True
        instance = self._instance
        if instance is not None:
            later(partial(instance.abandon, self._key))
