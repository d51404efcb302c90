"""The responses of an inference on a decoupled model, as they come."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from .deferred import prepare

if TYPE_CHECKING:
    from .calls import Call, Calls
    from .inference_response import InferenceResponse


class ResponseIterator:
    """Yields responses until the last one, which may be empty; a second loop yields them again."""

    __module__ = "c_python_backend_utils"

    def __init__(self, calls: Calls, call: Call, first: InferenceResponse, last: bool) -> None:
        prepare()
        self._calls = calls
        self._call = call
        self._responses = [first]
        self._next = 0
        self._finished = last

    @classmethod
    def _complete(cls, responses: list[InferenceResponse]) -> ResponseIterator:
        """Make an iterator over responses that have all come."""
        iterator = cls.__new__(cls)
        iterator._responses = responses
        iterator._next = 0
        iterator._finished = True
        return iterator

    def __iter__(self) -> ResponseIterator:
        if self._finished and self._next >= len(self._responses):
            self._next = 0
        return self

    def __next__(self) -> InferenceResponse:
        if self._next < len(self._responses):
            return self._give_known()
        if self._finished:
            raise StopIteration("Iteration is done for the responses.")
        return self._take(*self._calls.wait(self._call))

    def __aiter__(self) -> ResponseIterator:
        return self.__iter__()

    async def __anext__(self) -> InferenceResponse:
        if self._next < len(self._responses):
            return self._give_known()
        if self._finished:
            raise StopAsyncIteration
        return self._take(*await self._calls.wait_async(self._call, asyncio.get_running_loop()))

    def cancel(self) -> None:
        """Ask the model to stop; what it still sends comes all the same."""
        if not self._finished:
            self._calls.cancel(self._call)

    def __del__(self) -> None:
        if not self._finished:
            self._calls.drop(self._call)

    def _give_known(self) -> InferenceResponse:
        response = self._responses[self._next]
        self._next += 1
        return response

    def _take(self, response: InferenceResponse, last: bool, _filled: bool) -> InferenceResponse:
        self._responses.append(response)
        self._next = len(self._responses)
        self._finished = last
        return response
