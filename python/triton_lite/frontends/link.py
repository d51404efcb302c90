"""One process's connection to its engine: made when first needed, again after the engine went, never across a fork."""

from __future__ import annotations

import os
import threading
import weakref
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Protocol

from triton_lite.errors import Code, TritonError

if TYPE_CHECKING:
    from typing_extensions import Buffer

WITH_CONTEXT = 2
"""Value of Client.tracing: requests are to come with their times and their client's trace context."""
UNREACHABLE = "the inference engine went away"


class Answer(Protocol):
    """An answer of the engine (`_native.Answer`); owns engine memory until it is collected."""

    @property
    def call(self) -> int:
        """The call that it answers."""

    @property
    def last(self) -> bool:
        """Whether no answer follows."""

    @property
    def code(self) -> int:
        """Status code, 0 when OK."""

    @property
    def text(self) -> str:
        """Status text."""

    @property
    def message(self) -> bytes:
        """Encoded response message."""

    @property
    def segments(self) -> Sequence[Any]:
        """Tensor bytes, views into the engine's memory. Of an error: see `failed_in_model`."""

    @property
    def traced(self) -> bool:
        """Whether the engine wants to know when it was sent (TRACE_SENT)."""

    @property
    def many(self) -> bool:
        """Whether its call may have many answers, in no order with those of other calls."""

    def acknowledge(self) -> None:
        """Say that it was sent on, where there may be many: the engine then sends more."""

    def framed(self, in_stream: bool) -> bytes:
        """Message and segments as one ModelInferResponse (or ModelStreamInferResponse)."""


class Client(Protocol):
    """What the front ends use of `_native.ChannelClient`; its stub says more."""

    @property
    def connected(self) -> bool:
        """False once the engine went away."""

    @property
    def tracing(self) -> int:
        """What the engine is to be told of inference (csrc/channel/method.h, Tracing): nothing, times, WITH_CONTEXT."""

    def send(
        self, method: int, message: Buffer, segments: Sequence[Buffer] = (), since: int = 0, about: bytes = b""
    ) -> int:
        """Send a call, return its id.

        since: while the engine traces, when the request began to come. about: see access.about, tracing.with_context.
        """

    def lend(self, method: int, message: Buffer, tensors: Sequence[Any], device_outputs: bool = False) -> int:
        """Send a call to an engine in this process, return its id."""

    def send_http(self, call: Any, since: int = 0, about: bytes = b"") -> int:
        """Send a decoded HTTP inference, return its id."""

    def cancel(self, call: int) -> None:
        """Give a call up."""

    def fileno(self) -> int:
        """A descriptor that becomes readable when answers wait."""

    def poll(self) -> Sequence[Answer]:
        """Take the answers that are there."""

    def arm(self) -> bool:
        """Ask for a wake-up at the next answer; False when answers wait already."""

    def wait(self, call: int, timeout: float | None = None) -> Answer | None:
        """Wait for an answer, blocking; `timeout` in seconds."""

    def allocate_body(self, byte_size: int) -> Buffer:
        """Memory for a large body, sent without another copy."""


def connect_to_engine(name: str) -> Client:
    """Connect to the engine that the environment names, starting it if need be. Raises TritonError(UNAVAILABLE)."""
    # Imported here: importing a front end must neither load the native module nor start anything.
    from triton_lite import launch

    client: Client = launch.connect(name)
    return client


class EngineLink:
    """The process's channel client. Thread-safe; in a forked child it forgets the parent's client."""

    def __init__(self, name: str, connect: Callable[[str], Client] = connect_to_engine) -> None:
        """`name`: what this peer calls itself ("http", "grpc"). `connect` makes a client, blocking."""
        self._name = name
        self._connect = connect
        self._client: Client | None = None
        self._lock = threading.Lock()
        self._inherited: list[Client] = []
        _links.add(self)

    @property
    def current(self) -> Client | None:
        """The client if there is one and it is connected: no waiting."""
        client = self._client
        return client if client is not None and client.connected else None

    @property
    def tracing(self) -> int:
        """What the engine is to be told of requests (Client.tracing); of one that is not connected nobody knows."""
        client = self._client
        return WITH_CONTEXT if client is None else client.tracing

    def client(self) -> Client:
        """Return a connected client, connecting (blocking) if need be. Raises TritonError(UNAVAILABLE)."""
        client = self.current
        if client is not None:
            return client
        with self._lock:
            client = self.current
            if client is None:
                client = self._client = self._connect(self._name)
            return client

    def call(
        self, method: int, message: Buffer, segments: Sequence[Buffer] = (), since: int = 0, about: bytes = b""
    ) -> Answer:
        """Send one call and wait for its (last) answer, blocking. Raises TritonError(UNAVAILABLE) without an engine."""
        client = self.client()
        return self.wait(client, client.send(method, message, segments, since, about))

    def wait(self, client: Client, call: int) -> Answer:
        """Wait for the next answer of `call`, blocking; gives the call up when an exception (a signal's) comes."""
        try:
            while True:
                answer = client.wait(call)
                if answer is not None:
                    return answer
                if not client.connected:
                    raise TritonError(Code.UNAVAILABLE, UNREACHABLE)
        except BaseException:
            client.cancel(call)
            raise

    def forget(self) -> None:
        """In a forked child: the client is the parent's. It is kept alive, so that nothing says goodbye for it."""
        if self._client is not None:
            self._inherited.append(self._client)
            self._client = None
        self._lock = threading.Lock()


_links: weakref.WeakSet[EngineLink] = weakref.WeakSet()


def _forget_all() -> None:
    for link in list(_links):
        link.forget()


os.register_at_fork(after_in_child=_forget_all)


def failed_in_model(answer: Answer) -> bool:
    """Tell whether an answer is an error that arose in the model, past validation.

    Such an error has one segment, the head of the response that it replaces; Triton words the two kinds differently.
    """
    return bool(answer.code) and bool(answer.segments)


def raise_for(answer: Answer) -> None:
    """Raise the answer's status as TritonError unless it is OK."""
    if answer.code:
        raise TritonError(answer.code, answer.text)
