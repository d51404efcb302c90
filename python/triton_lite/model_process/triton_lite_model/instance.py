"""One instance of a model: takes batches, runs the model, answers.

It knows no process: it serves the lanes that it was given, in whichever thread calls serve.
"""

from __future__ import annotations

import contextlib
import types
from functools import partial
from time import monotonic_ns
from typing import TYPE_CHECKING, Any, Callable

from .calls import Calls
from .context import executing
from .decode import read_batch
from .encode import Draft
from .errors import INTERNAL_STATUS, Refusal, TritonModelException, describe, status_of
from .infer import draft_inference
from .inference_request import RELEASE_RESCHEDULE, InferenceRequest
from .inference_response import FailedResponse, InferenceResponse
from .lane import DONT_WAIT
from .protocol import EXECUTE, EXECUTED, FINAL, HAS_ERROR, HAS_RESPONSE, RAISED, RESCHEDULED, RESPONSE, RESPONSES
from .response_iterator import ResponseIterator

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Awaitable, Coroutine, Set

    from .coroutines import Coroutines
    from .forks import Parent
    from .lane import Lane

_pack_response = RESPONSE.pack
_DROPPED = "The request's response sender was dropped before it had sent the final flag."


class Instance:
    """A model with its two lanes."""

    def __init__(
        self,
        name: str,
        model: Any,
        execute: Lane,
        calls: Lane,
        *,
        decoupled: bool = False,
        log_error: Callable[[str], None] = lambda _: None,
        model_path: str = "",
    ) -> None:
        self.name = name
        self.decoupled = decoupled
        self.infers = False
        """Whether inferences of the model's own are allowed: while it executes, not while it comes up or goes down."""
        self._lane = execute
        self._calls_lane = calls
        self._calls = Calls(calls)
        self._log_error = log_error
        self._parent: Parent | None = None
        self._coroutines: Coroutines | None = None
        run = getattr(model, "execute", None)
        if run is None:

            def run(_: Any) -> Any:
                raise Refusal(f"Python model {model_path} does not implement `execute` method.")

        self._run: Callable[[list[InferenceRequest]], Any] = run

    def serve(self) -> None:
        """Take batches until the engine sends no more."""
        self.infers = True
        while self.step():
            pass

    def serve_coroutines(self, loop: asyncio.AbstractEventLoop) -> Coroutines:
        """Take batches whenever loop runs; its thread runs the model's coroutines too."""
        from .coroutines import Coroutines

        self.infers = True
        self._coroutines = Coroutines(loop)
        loop.add_reader(self._lane.fileno(), self._take_all, loop)
        self._lane.on_pending = partial(loop.call_soon_threadsafe, self._take_all, loop)
        return self._coroutines

    def _take_all(self, loop: asyncio.AbstractEventLoop) -> None:
        try:
            while self.step(DONT_WAIT):
                pass
        except BlockingIOError:
            return
        loop.remove_reader(self._lane.fileno())

    def step(self, flags: int = 0) -> bool:
        """Take one message and do what it asks for; False at the end."""
        lane = self._lane
        message = lane.receive(flags)
        if message is None:
            return False
        if message.kind != EXECUTE:
            return True
        taken_up = monotonic_ns()
        number = message.id
        lane.gathering = True
        arena = lane.arena
        leases = arena.leases
        requests = read_batch(self, message.body, arena)
        del message
        leases = arena.leases - leases
        executing.set((self, requests[0]._key if requests else 0))
        try:
            returned = self._run(requests)
            if type(returned) is not list and returned is not None and _is_coroutine(returned):
                coroutine = returned
                del returned
                lane.gathering = False
                self._start(number, taken_up, requests, coroutine)
                return True
            count, draft = self._draft(requests, returned)
            del returned
        except BaseException as error:
            count, draft = self._draft_failure(requests, self._tell(error))
        del requests
        body = draft.write(lane, count, leases, lane.released)
        lane.send_body(EXECUTED, number, body, numbered=True, place=taken_up)
        lane.gathering = False
        if lane.released:
            lane.flush()
        return True

    def run_coroutine(self, coroutine: Coroutine[Any, Any, Any]) -> Any:
        """Run a coroutine of the model's to its end, from a thread other than the loop's."""
        return self._loop().run(coroutine)

    def send_response(
        self, key: int, response: InferenceResponse | None, final: bool, requested: Set[str] | None
    ) -> None:
        """Send what a response sender was given."""
        draft = Draft()
        if response is None:
            draft.add(_pack_response(key, FINAL, 0, 0, 0, 0))
        else:
            _add_response(draft, key, response, FINAL if final else 0, requested)
        self._send_responses(draft, 1, key if response is not None else 0)

    def has_room(self, key: int) -> bool:
        """Return whether a response to a request can be sent without waiting for its client."""
        return self._lane.has_room(key)

    def abandon(self, key: int) -> None:
        """End a request that nobody can answer any longer."""
        if self._parent is not None:
            return  # The parent may still answer it.
        draft = Draft()
        _add_error(draft, key, INTERNAL_STATUS, _DROPPED)
        with contextlib.suppress(TritonModelException):
            self._send_responses(draft, 1)

    def is_cancelled(self, key: int) -> bool:
        """Return whether the client of a request has given it up."""
        if self._parent is not None:
            return bool(self._parent.ask("is_cancelled", key))
        return self._calls.is_cancelled(key)

    def become_child(self, parent: Parent) -> None:
        """Go on in a forked process: from here on the parent asks the engine."""
        self._parent = parent

    def infer(self, request: InferenceRequest, decoupled: bool) -> InferenceResponse | ResponseIterator:
        """Run a request of the model's and wait for its (first) response."""
        if self._parent is not None:
            responses = self._parent.infer(request, decoupled)
            return ResponseIterator._complete(responses) if decoupled else responses[0]
        call = self._start_inference(request, decoupled)
        response: InferenceResponse | None = None
        while True:
            answer, last, filled = self._calls.wait(call)
            if decoupled:
                return ResponseIterator(self._calls, call, answer, last)
            if response is None and (filled or last):
                response = answer
            if last and response is not None:
                return response

    def infer_async(
        self, request: InferenceRequest, decoupled: bool
    ) -> Awaitable[InferenceResponse | ResponseIterator]:
        """Start a request of the model's; its (first) response can be awaited."""
        import asyncio

        loop = asyncio.get_running_loop()
        if self._parent is not None:
            return loop.run_in_executor(None, self.infer, request, decoupled)
        call = self._start_inference(request, decoupled)

        async def finish() -> InferenceResponse | ResponseIterator:
            response: InferenceResponse | None = None
            while True:
                answer, last, filled = await self._calls.wait_async(call, loop)
                if decoupled:
                    return ResponseIterator(self._calls, call, answer, last)
                if response is None and (filled or last):
                    response = answer
                if last and response is not None:
                    return response

        return loop.create_task(finish())

    def close(self) -> None:
        """Let everything end that waits for the engine."""
        self._calls.close()
        if self._coroutines is not None:
            self._coroutines.stop()

    def _start_inference(self, request: InferenceRequest, decoupled: bool) -> Any:
        if not self.infers:
            raise TritonModelException("BLS is only supported during the 'execute' function.")
        return self._calls.start(draft_inference(request, decoupled).write(self._calls_lane, waits=True))

    def _loop(self) -> Coroutines:
        if self._coroutines is None:
            from .coroutines import Coroutines

            self._coroutines = Coroutines()
        return self._coroutines

    def _start(
        self, number: int, taken_up: int, requests: list[InferenceRequest], coroutine: Coroutine[Any, Any, Any]
    ) -> None:
        """Run the coroutine that execute returned, and take the next batch meanwhile."""
        if self.decoupled:
            self._loop().start(self._watch(requests, coroutine))
            self._lane.send_body(EXECUTED, number, Draft().write(self._lane), numbered=True, place=taken_up)
        else:
            self._loop().start(self._finish(number, taken_up, requests, coroutine))

    async def _watch(self, requests: list[InferenceRequest], coroutine: Coroutine[Any, Any, Any]) -> None:
        """Answer the requests of a decoupled model's coroutine that failed."""
        try:
            self._draft(requests, await coroutine)
        except BaseException as error:
            count, draft = self._draft_failure(requests, self._tell(error))
            if count:
                self._send_responses(draft, count)

    async def _finish(
        self, number: int, taken_up: int, requests: list[InferenceRequest], coroutine: Coroutine[Any, Any, Any]
    ) -> None:
        """Answer a batch when its coroutine ends."""
        try:
            returned = await coroutine
            count, draft = self._draft(requests, returned)
            del returned
        except BaseException as error:
            count, draft = self._draft_failure(requests, self._tell(error))
        del coroutine
        lane = self._lane
        lane.gathering = True
        leases = len(requests)
        del requests
        with contextlib.suppress(OSError):  # The engine may be gone when a coroutine ends.
            body = draft.write(lane, count, leases, lane.released)
            lane.send_body(EXECUTED, number, body, numbered=True, place=taken_up)
        lane.gathering = False
        lane.flush()

    def _send_responses(self, draft: Draft, count: int, key: int = 0) -> None:
        try:
            self._lane.make_room(key)
            self._lane.send_body(RESPONSES, 0, draft.write(self._lane, count), numbered=True)
        except OSError as error:
            raise TritonModelException("An error occurred while sending a response.") from error

    def _draft(self, requests: list[InferenceRequest], returned: Any) -> tuple[int, Draft]:
        """Note what execute returned, with Triton's checks; return how many records that are."""
        draft = Draft()
        if self.decoupled:
            if returned is not None:
                raise Refusal(
                    f"Python model '{self.name}' is using the decoupled mode and the execute function must return None."
                )
            return _add_rescheduled(draft, requests), draft
        if returned is None:
            returned = [None] * len(requests)
        elif not isinstance(returned, list):
            raise Refusal(f"Expected a list in the execute return, found type '{type(returned)}'.")
        if len(requests) != len(returned):
            raise Refusal(
                "Number of InferenceResponse objects do not match the number of InferenceRequest objects. "
                f"InferenceRequest(s) size is:{len(requests)}, and InferenceResponse(s) size is:{len(returned)}\n"
            )
        for request, response in zip(requests, returned):
            if type(response) is not InferenceResponse:
                if response is None:
                    continue
                _check_unusual(request, response)
            elif request._release_flags == RELEASE_RESCHEDULE:
                raise _rescheduled_and_answered(response)
            if request._sender is not None:
                try:
                    request._sender._take_over(response)
                except TritonModelException as error:
                    raise Refusal(str(error)) from None
        for request, response in zip(requests, returned):
            if response is not None:
                _add_response(draft, request._key, response, FINAL, request._requested())
            else:
                _add_unanswered(draft, request)
        return len(requests), draft

    def _draft_failure(self, requests: list[InferenceRequest], text: str) -> tuple[int, Draft]:
        """Note an error for every request that has not been answered to the end, and let nothing more be sent."""
        draft = Draft()
        count = 0
        for request in requests:
            sender = request._sender
            if sender is None:
                request.get_response_sender()._close()
            elif not sender._close():
                if not self.decoupled:
                    draft.add(_pack_response(request._key, 0, 0, 0, 0, 0))
                    count += 1
                continue
            _add_error(draft, request._key, INTERNAL_STATUS, text, FINAL | RAISED)
            count += 1
        return count, draft

    def _tell(self, error: BaseException) -> str:
        """Return the text of a failed execute, having logged it."""
        text = f"Failed to process the request(s) for model '{self.name}', message: {describe(error)}"
        self._log_error(text)
        return text


def _check_unusual(request: InferenceRequest, response: Any) -> None:
    """Refuse what execute returned for a request, unless it is a response, of a class of the model's own."""
    if request._release_flags == RELEASE_RESCHEDULE:
        raise _rescheduled_and_answered(response)
    if not isinstance(response, InferenceResponse):
        raise Refusal(
            "Expected an 'InferenceResponse' object in the execute function return list, found type "
            f"'{type(response)}'."
        )


def _rescheduled_and_answered(response: Any) -> Refusal:
    return Refusal(
        "Expected a None object in the execute function return list for reschduled request, found type "
        f"'{type(response)}'."
    )


def _is_coroutine(value: Any) -> bool:
    if isinstance(value, types.CoroutineType):
        return True
    return not isinstance(value, list) and hasattr(value, "__await__") and hasattr(value, "send")


def _add_response(draft: Draft, key: int, response: InferenceResponse, flags: int, requested: Set[str] | None) -> None:
    error = response._error
    if error is not None:
        failed = RAISED if isinstance(response, FailedResponse) else 0
        _add_error(draft, key, status_of(error._code), error._message, flags | failed)
        return
    outputs = response._outputs
    if requested is not None:
        outputs = [tensor for tensor in outputs if tensor._name in requested]
    if response._parameters == "{}":
        draft.add(_pack_response(key, flags | HAS_RESPONSE, 0, 0, 0, len(outputs)))
    else:
        text = response._parameters.encode("utf-8")
        record = _pack_response(key, flags | HAS_RESPONSE, 0, 0, len(text), len(outputs))
        draft.add(record + text + bytes(-len(text) % 8))
    for tensor in outputs:
        draft.add_tensor(tensor)


def _add_error(draft: Draft, key: int, status: int, message: str, flags: int = FINAL) -> None:
    text = message.encode("utf-8", "replace")
    draft.add(_pack_response(key, flags | HAS_ERROR, status, len(text), 0, 0) + text + bytes(-len(text) % 8))


def _add_rescheduled(draft: Draft, requests: list[InferenceRequest]) -> int:
    count = 0
    for request in requests:
        if request._release_flags == RELEASE_RESCHEDULE:
            _add_unanswered(draft, request)
            count += 1
    return count


def _add_unanswered(draft: Draft, request: InferenceRequest) -> None:
    """Note a request that execute does not answer: it comes again, or its sender answers."""
    if request._release_flags == RELEASE_RESCHEDULE:
        if request._sender is not None:
            request._sender._close()
        draft.add(_pack_response(request._key, RESCHEDULED, 0, 0, 0, 0))
    else:
        request.get_response_sender()  # So that the request ends in any case: with its sender, if not otherwise.
        draft.add(_pack_response(request._key, 0, 0, 0, 0, 0))
