"""What the native codec makes of a usual request over HTTP/1.1."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from triton_lite.frontends.link import Answer, Client

if TYPE_CHECKING:
    from typing_extensions import Buffer


class Exchange(Protocol):
    """A usual request from its first bytes to its answer (`_native.InferExchange`)."""

    @property
    def call(self) -> int:
        """The call that it was sent as; 0 until then."""

    @property
    def model_name(self) -> str:
        """The model."""

    @property
    def model_version(self) -> str:
        """Its version, or ""."""

    @property
    def header_id(self) -> bytes:
        """The x-request-id of its answer, or empty."""

    def room(self) -> Buffer:
        """Where the rest of its body belongs."""

    def take(self, byte_size: int) -> bool:
        """Note that so much was written to `room`; True when the body is there."""

    def send(self, client: Client, max_input_size: int) -> bool:
        """Send it; False if it is none for here."""

    def given(self) -> bytes:
        """What came of it, until it is sent."""

    def reply(self, answer: Answer, more_headers: bytes) -> list[Buffer]:
        """Encode its answer, in parts: a small one has one."""
