"""Who asked, and for which request: what a front end says of requests for the access log, and the x-request-id header.

The header of an answer carries the request's own id, else the x-request-id that came with the request, where the id can
stand in a header; nothing is made up.
"""

from __future__ import annotations

import struct
from functools import lru_cache
from urllib.parse import unquote

ID_HEADER = "x-request-id"
# Layout: csrc/wire/call_metadata.h. Ids: csrc/wire/request_id.h.
_BYTE_SIZE = struct.Struct("<Q")
_MOST_ID_BYTE_SIZE = 256


def about(peer: str, byte_size: int, header_id: str = "") -> bytes:
    """Pack what is said beside a request's message while there is an access log.

    peer: the client's address. byte_size: of the request as it came. header_id: its x-request-id, "" without.
    """
    return _BYTE_SIZE.pack(byte_size) + f"{peer}\n{header_id}".encode("utf-8", "replace")


# Clients that keep a connection send much alike: a look into a table instead of encoding again.
@lru_cache(maxsize=1024)
def about_asgi(client: tuple[str, int] | None, byte_size: int, given_id: bytes) -> bytes:
    """Pack it of an ASGI request. client: of its scope. given_id: its x-request-id, as it came."""
    peer = f"{client[0]}:{client[1]}" if client else ""
    return about(peer, byte_size, header_id(given_id.decode("latin-1")))


@lru_cache(maxsize=1024)
def about_grpc(peer: str, byte_size: int, given_id: str = "") -> bytes:
    """Pack it of a gRPC request. peer: what gRPC's core calls the client."""
    return about(unquote(peer).removeprefix("ipv4:").removeprefix("ipv6:"), byte_size, given_id)


def header_id(text: str) -> str:
    """Return an id that came from a client if it can stand in a header, else ""."""
    fits = len(text) <= _MOST_ID_BYTE_SIZE and text.isascii() and text.isprintable() and text == text.strip()
    return text if fits else ""
