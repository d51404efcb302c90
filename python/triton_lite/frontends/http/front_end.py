"""What the resources of the HTTP front end share: options, the link to the engine, the loop's bridge."""

from __future__ import annotations

import asyncio
from functools import cached_property
from typing import TYPE_CHECKING, Any, Protocol, cast

from triton_lite.frontends.bridge import Bridge
from triton_lite.frontends.http.disconnect import Watches
from triton_lite.frontends.http.options import HttpOptions
from triton_lite.frontends.http.recycling import Recycling
from triton_lite.frontends.link import Answer, Client, EngineLink
from triton_lite.frontends.peers import is_local_http
from triton_lite.frontends.unread import UnreadAnswers

if TYPE_CHECKING:
    from collections.abc import Sequence

    from typing_extensions import Buffer

    from triton_lite.frontends.http.exchange import Exchange


class Codec(Protocol):
    """The native codec of HTTP inference (`_native`)."""

    def decode_http_infer(
        self,
        model_name: str,
        model_version: str,
        body: Buffer,
        header_length: str | None,
        forwarded: Sequence[tuple[str, str]] = (),
        max_input_size: int = 0,
    ) -> Any:
        """Decode a request; no input given in its JSON may become larger than `max_input_size`. Raises TritonError."""

    def encode_http_infer(self, answer: Answer, call: Any) -> tuple[bytes, int | None]:
        """Encode an answer's body; the number is the JSON's byte size where a binary tail follows it."""

    def begin_http_infer(self, client: Client, data: bytes, max_input_size: int, deny_regions: bool) -> Exchange | None:
        """Take a usual request by what came first of it; None for any other."""


class FrontEnd:
    """Made at import, without reading the environment or connecting: both happen when first needed."""

    def __init__(
        self, link: EngineLink | None = None, options: HttpOptions | None = None, codec: Codec | None = None
    ) -> None:
        self.link = link or EngineLink("http")
        self._given_options = options
        self._given_codec = codec
        self._bridge: Bridge | None = None
        self.watches = Watches()
        self.recycling = Recycling()

    @cached_property
    def options(self) -> HttpOptions:
        """The options. Raises OptionError when the environment holds a wrong one."""
        return self._given_options or HttpOptions.from_environment()

    @cached_property
    def unread(self) -> UnreadAnswers:
        """The answers on their way to clients, of an event loop."""
        return UnreadAnswers(self.options.max_unread_byte_size)

    @cached_property
    def codec(self) -> Codec:
        """The codec; loads the native module."""
        if self._given_codec is not None:
            return self._given_codec
        import triton_lite._native

        return cast(Codec, triton_lite._native)

    def denies_regions(self, req: Any) -> bool:
        """Tell whether the client of a request of Falcon's may not use shared memory."""
        return self.options.regions_by_peer and not is_local_http(req)

    def cut_off(self) -> int:
        """Answer UNAVAILABLE to what is in flight on the running loop. Returns how much that was."""
        return self._bridge.cut_off() if self._bridge is not None else 0

    def bridge(self) -> Bridge:
        """The bridge of the running loop."""
        bridge = self._bridge
        if bridge is None or bridge.loop is not asyncio.get_running_loop():
            bridge = self._bridge = Bridge(self.link)
        return bridge
