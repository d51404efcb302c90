"""Inferences that a model makes of others, and its questions to the engine: one socket, any thread, any coroutine.

Whoever waits for an answer reads the socket itself if nobody else does, and hands to others what is theirs; so a model
of one thread gets its answers without another thread's help. Coroutines cannot wait in a read: a thread of its own
reads for them, as long as they have calls open and no other thread reads.
"""

from __future__ import annotations

import queue
import threading
from collections import deque
from functools import partial
from typing import TYPE_CHECKING, Any

from .decode import read_response
from .deferred import later
from .errors import TritonError
from .inference_response import InferenceResponse
from .protocol import CANCEL_INFER, CANCELLED, INFER_REQUEST, INFER_RESPONSE, IS_CANCELLED, LAST

if TYPE_CHECKING:
    import asyncio

    from .encode import Body
    from .lane import Lane, Message


class Call:
    """One call: the answers that have come and not been fetched, and who waits for the next."""

    __slots__ = ("answers", "dropped", "future", "held", "loop", "number", "waiter")

    def __init__(self, number: int) -> None:
        self.number = number
        self.answers: deque[Any] = deque()
        self.held: list[object] | None = None
        # Held while a thread waits; let go when there is an answer for it, or when it is its turn to read.
        self.waiter: threading.Lock | None = None
        self.dropped = False
        self.loop: asyncio.AbstractEventLoop | None = None
        self.future: asyncio.Future[Any] | None = None


class Calls:
    """The lane of calls."""

    def __init__(self, lane: Lane) -> None:
        self._lane = lane
        self._lock = threading.RLock()  # Collections run code of ours anywhere.
        self._calls: dict[int, Call] = {}
        self._number = 0
        self._reading = False
        self._ended = False
        self._unattended = 0
        self._reader: threading.Thread | None = None
        self._turns: queue.SimpleQueue[None] = queue.SimpleQueue()

    def start(self, body: Body) -> Call:
        """Send an inference."""
        call = self._open()
        call.held = body.held
        try:
            self._lane.send_body(INFER_REQUEST, call.number, body, numbered=False)
        except OSError:
            self._end()
        return call

    def is_cancelled(self, key: int) -> bool:
        """Ask whether a request has been given up."""
        call = self._open()
        try:
            self._lane.send(IS_CANCELLED, call.number, key)
        except OSError:
            self._end()
        answer = self.wait(call)
        return answer is True

    def cancel(self, call: Call) -> None:
        """Ask for the end of an inference."""
        try:
            self._lane.send(CANCEL_INFER, call.number)
        except OSError:
            self._end()

    def wait(self, call: Call) -> Any:
        """Wait for the next answer of a call: a response and whether it is the last, or the answer to a question."""
        answers = call.answers
        while True:
            with self._lock:
                if answers:
                    return answers.popleft()
                if self._ended:
                    return _engine_gone()
                lead = not self._reading
                if lead:
                    self._reading = True
                else:
                    waiter = call.waiter = threading.Lock()
                    waiter.acquire()
            if lead:
                self._read_until(call)
            else:
                waiter.acquire()

    async def wait_async(self, call: Call, loop: asyncio.AbstractEventLoop) -> Any:
        """Wait for the next answer of a call, as a coroutine."""
        with self._lock:
            if call.answers:
                return call.answers.popleft()
            if self._ended:
                return _engine_gone()
            future: asyncio.Future[Any] = loop.create_future()
            call.loop, call.future = loop, future
            self._attend()
        return await future

    def drop(self, call: Call) -> None:
        """Read what still comes for a call: nobody will ask for it any longer. For the end of objects."""
        later(partial(self._drop, call))

    def _drop(self, call: Call) -> None:
        with self._lock:
            call.answers.clear()
            if call.number in self._calls:
                call.dropped = True
                self._attend()

    def _attend(self) -> None:
        """See to it that the socket is read without a thread of the model's that waits."""
        self._unattended += 1
        if self._reader is None:
            self._reader = threading.Thread(target=self._read_unattended, name="calls", daemon=True)
            self._reader.start()
        if not self._reading:
            self._turns.put(None)

    def _open(self) -> Call:
        with self._lock:
            self._number += 1
            call = Call(self._number)
            if not self._ended:
                self._calls[call.number] = call
        return call

    def _read_until(self, call: Call) -> None:
        """Read until the call has an answer; then let another thread read that waits."""
        answers = call.answers
        try:
            while not answers and self._read():
                pass
        finally:
            self._pass_on()

    def _read_unattended(self) -> None:
        while not self._ended:
            self._turns.get()
            with self._lock:
                if self._reading or not self._unattended:
                    continue
                self._reading = True
            try:
                while self._unattended and self._read():
                    pass
            finally:
                self._pass_on()

    def _pass_on(self) -> None:
        with self._lock:
            self._reading = False
            for other in self._calls.values():
                if other.waiter is not None:
                    _wake(other)
                    return
            if self._unattended:
                self._turns.put(None)

    def _read(self) -> bool:
        """Read one message and hand it over; False at the end."""
        try:
            message = self._lane.receive()
        except OSError:
            message = None
        if message is None:
            self._end()
            return False
        self._deliver(message)
        return True

    def _deliver(self, message: Message) -> None:
        answer: Any
        last = True
        if message.kind == INFER_RESPONSE:
            last = bool(message.flags & LAST)
            response, filled = read_response(message.body, self._lane.arena)
            answer = (response, last, filled)
        elif message.kind == CANCELLED:
            answer = message.place == 1
        else:
            return
        with self._lock:
            call = self._calls.get(message.id)
            if call is None:
                return
            if last:
                del self._calls[message.id]
            call.held = None
            self._hand(call, answer)

    def _hand(self, call: Call, answer: Any) -> None:
        if call.dropped:
            if call.number not in self._calls:
                self._unattended -= 1
            return
        future = call.future
        if future is not None and call.loop is not None:
            call.future = None
            self._unattended -= 1
            try:
                call.loop.call_soon_threadsafe(_resolve, future, answer)
            except RuntimeError:  # The loop has been closed.
                call.answers.append(answer)
            return
        call.answers.append(answer)
        _wake(call)

    def _end(self) -> None:
        """Let everybody who waits know that no answer will come."""
        with self._lock:
            self._ended = True
            calls = list(self._calls.values())
            self._calls.clear()
            for call in calls:
                self._hand(call, _engine_gone())
            self._turns.put(None)

    def close(self) -> None:
        """Send and read nothing more."""
        self._end()


def _wake(call: Call) -> None:
    waiter, call.waiter = call.waiter, None
    if waiter is not None:
        waiter.release()


def _resolve(future: asyncio.Future[Any], answer: Any) -> None:
    if not future.done():
        future.set_result(answer)


def _engine_gone() -> tuple[InferenceResponse, bool, bool]:
    error = TritonError("An error occurred while performing BLS request.")
    return InferenceResponse._received([], error, "{}"), True, True
