"""Request bodies: received within the limit, large ones straight into the engine's memory."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from triton_lite.errors import Code, TritonError
from triton_lite.frontends.http.disconnect import cut_short
from triton_lite.frontends.http.front_end import FrontEnd
from triton_lite.frontends.http.lingering import LINGER
from triton_lite.frontends.pieces import tiny_in

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from typing_extensions import Buffer

# From here on a body is received into the channel's arena, so that it is copied once.
IN_PLACE_BYTE_SIZE = 1 << 20
_CHUNK_BYTE_SIZE = 1 << 18
# What is read, and thrown away, of a body that is too large: a client that is still sending may not see our answer.
_DISCARDED_BYTE_SIZE = 1 << 32
# Triton's limit on chunks.
_CHUNK_COUNT = 1 << 16


class BodyTooLarge(TritonError):
    """A body beyond --http-max-input-size."""

    def __init__(self, byte_size: int, limit: int, raw: bool = False) -> None:
        if raw:
            text = f"Raw input has a byte_size ({byte_size} bytes) that exceeds the maximum allowed value of {limit}"
        else:
            text = f"request JSON size of {byte_size} bytes exceeds the maximum allowed input size of {limit}"
        super().__init__(Code.INVALID_ARGUMENT, f"{text} bytes. Use --http-max-input-size to increase the limit.")


def read(req: Any, front_end: FrontEnd, in_place: bool = False) -> Buffer:
    """Read a WSGI request's body. `in_place`: large ones may lie in the engine's memory.

    Raises BodyTooLarge; TritonError(UNAVAILABLE) when there is no engine to receive into.
    """
    limit = front_end.options.max_input_size
    length = req.content_length
    stream = req.env["wsgi.input"] if req.env.get("wsgi.input_terminated") else req.bounded_stream
    if length is not None and length > limit:
        _discard(stream)
        raise _too_large(req, length, limit)
    if length is not None and length < IN_PLACE_BYTE_SIZE:
        small: bytes = stream.read(length) if length else b""
        if len(small) < length:
            raise cut_short()
        return small
    if length is None or not in_place:
        return _read_pieces(req, stream, limit)
    body = front_end.link.client().allocate_body(length)
    view, received = memoryview(body).cast("B"), 0
    while received < length:
        piece = stream.read(min(_CHUNK_BYTE_SIZE, length - received))
        if not piece:
            break
        view[received : received + len(piece)] = piece
        received += len(piece)
    if received < length:
        raise cut_short()
    return body


async def receive(req: Any, front_end: FrontEnd, in_place: bool = False) -> Buffer:
    """Receive an ASGI request's body; as `read`."""
    limit = front_end.options.max_input_size
    length = req.content_length
    if length is not None and length > limit:
        await _discard_async(req.stream)
        raise _too_large(req, length, limit)
    if length is not None and length < IN_PLACE_BYTE_SIZE:
        small: bytes = await req.stream.read()
        return small
    if length is None or not in_place:
        return await _receive_pieces(req, limit)
    return await collect(aiter(req.stream), length, front_end)


async def collect(pieces: AsyncIterator[Buffer], byte_size: int, front_end: FrontEnd) -> Buffer:
    """Receive a body of a known size into the engine's memory. Raises TritonError when it ends early."""
    client = await front_end.bridge().client()
    body = client.allocate_body(byte_size)
    view, received = memoryview(body).cast("B"), 0
    async for piece in pieces:
        end = received + memoryview(piece).nbytes
        view[received:end] = piece
        received = end
    if received < byte_size:
        raise cut_short()
    return body


def discard(req: Any) -> None:
    """Throw away the body of a WSGI request that is refused: a client that is still sending may not see our answer."""
    _discard(req.env["wsgi.input"] if req.env.get("wsgi.input_terminated") else req.bounded_stream)


async def discard_async(req: Any) -> None:
    """The same over ASGI."""
    await _discard_async(req.stream)


def _too_large(req: Any, byte_size: int, limit: int) -> BodyTooLarge:
    return BodyTooLarge(byte_size, limit, raw=req.get_header("Inference-Header-Content-Length") == "0")


def _read_pieces(req: Any, stream: Any, limit: int) -> bytes:
    body = bytearray()
    while piece := stream.read(_CHUNK_BYTE_SIZE):
        body += piece
        if len(body) > limit:
            byte_size = len(body)
            del body
            raise _too_large(req, byte_size + _discard(stream), limit)
    return bytes(body)


async def _receive_pieces(req: Any, limit: int) -> bytes:
    body = bytearray()
    tiny = 0
    stream = aiter(req.stream)
    async for piece in stream:
        body += piece
        tiny += tiny_in(piece)
        if tiny > _CHUNK_COUNT:
            req.scope[LINGER] = True
            raise TritonError(
                Code.INVALID_ARGUMENT,
                f"Chunked request body exceeds maximum of {_CHUNK_COUNT} non-empty chunks. Send fewer or larger HTTP "
                "chunks.",
            )
        if len(body) > limit:
            byte_size = len(body)
            del body
            raise _too_large(req, byte_size + await _discard_async(stream), limit)
    return bytes(body)


def _discard(stream: Any) -> int:
    discarded = 0
    while discarded < _DISCARDED_BYTE_SIZE and (piece := stream.read(_CHUNK_BYTE_SIZE)):
        discarded += len(piece)
    return discarded


async def _discard_async(stream: Any) -> int:
    discarded = 0
    async for piece in stream:
        discarded += len(piece)
        if discarded >= _DISCARDED_BYTE_SIZE:
            break
    return discarded
