"""The short way of inference: from the bytes of a connection to the engine and back, past ASGI.

Parser, tasks, scope and events of an ASGI server cost more than all that a request of 1 KB asks for. What is unusual in
any way, or fails before the engine has it, goes the ordinary way from its first byte on, so that every rule and every
text stays in one place.
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

from triton_lite import logs
from triton_lite.frontends.http.exchange import Exchange
from triton_lite.frontends.http.front_end import FrontEnd
from triton_lite.frontends.http.refusal import Refusal, refusal_of
from triton_lite.frontends.link import Answer, failed_in_model, raise_for
from triton_lite.frontends.peers import is_local_asgi

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from typing_extensions import Buffer

    from triton_lite.errors import TritonError
    from triton_lite.frontends.bridge import Bridge, Taker
    from triton_lite.frontends.link import Client

# Answers that clients have not read lie in the engine's memory up to here; more of them are copied.
_LEFT_THERE_BYTE_SIZE = 1 << 30


class InferLane:
    """Sends usual requests and encodes their answers. Used on the event loop of its front end."""

    def __init__(self, front_end: FrontEnd) -> None:
        self._front_end = front_end

    @cached_property
    def _bridge(self) -> Bridge:
        return self._front_end.bridge()

    @cached_property
    def _begin(self) -> Callable[[Client, bytes, int, bool], Exchange | None]:
        return self._front_end.codec.begin_http_infer

    @cached_property
    def _limit(self) -> int:
        return self._front_end.options.max_input_size

    def denies_regions(self, client: Any, server: Any) -> bool:
        """Tell whether a connection's requests may not use shared memory. client, server: its ends."""
        return self._front_end.options.regions_by_peer and not is_local_asgi({"client": client, "server": server})

    def begin(self, data: bytes, deny_regions: bool) -> Exchange | None:
        """Take the first bytes of a request, and send it if they are all of it; None if it is none for here."""
        client = self._bridge.current
        if client is None or self._front_end.recycling.closing or logs.verbose():
            return None
        return self._begin(client, data, self._limit, deny_regions)

    def send(self, exchange: Exchange) -> bool:
        """Send a request whose body is there now; False if it is none for here."""
        client = self._bridge.current
        return client is not None and exchange.send(client, self._limit)

    def expect(self, exchange: Exchange, taker: Taker) -> None:
        """Have `taker` take the answer of a request that was sent."""
        self._bridge.expect(exchange.call, taker)

    def give_up(self, exchange: Exchange) -> None:
        """The client of a request went away."""
        if exchange.call:
            self._bridge.give_up(exchange.call)

    def reply(self, exchange: Exchange, answer: Answer, more_headers: bytes) -> list[Buffer]:
        """Encode an answer, with more headers of the server's. Raises TritonError."""
        if answer.code:
            raise_for(answer)
        parts = exchange.reply(answer, more_headers)
        if len(parts) > 1:
            unread = self._front_end.unread
            unread.check(size_of(parts))
            if unread.byte_size > _LEFT_THERE_BYTE_SIZE:
                return [b"".join(parts)]
        return parts

    async def refusal(self, exchange: Exchange, answer: Answer, error: TritonError) -> Refusal:
        """Make the answer of a request that failed."""
        in_model = failed_in_model(answer)
        return await refusal_of(self._front_end, exchange.model_name, exchange.model_version, error, in_model)

    def add_unread(self, byte_size: int) -> None:
        """Count an answer that its client does not read at once."""
        self._front_end.unread.add(byte_size)

    def remove_unread(self, byte_size: int) -> None:
        """It was read, or its client is gone."""
        self._front_end.unread.remove(byte_size)

    def end(self, worker: Any) -> bool:
        """Note that the worker has answered a request; True if its answers announce that connections end."""
        self._front_end.recycling.attend(worker)
        return self.closing

    @property
    def closing(self) -> bool:
        """Whether every answer is to say that its connection ends."""
        return self._front_end.recycling.closing


def size_of(parts: Sequence[Buffer]) -> int:
    """Bytes of all parts of an answer."""
    return sum(memoryview(part).nbytes for part in parts)
