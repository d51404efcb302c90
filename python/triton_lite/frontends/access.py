"""Who asked, and for which request: what a front end adds to requests for the access log, and the x-request-id header.

The header of an answer carries the request's own id, else the x-request-id that came with the request, where the id can
stand in a header; nothing is made up.
"""

from __future__ import annotations

import struct
from functools import lru_cache

from triton_lite.frontends.grpc.wire import length_field

ID_HEADER = "x-request-id"
# ModelInferRequest's field for it and its layout: csrc/wire/front_access.h. Ids: csrc/wire/request_id.h.
_FIELD = 1003
_BYTE_SIZE = struct.Struct("<Q")
_MOST_ID_BYTE_SIZE = 256


# Clients that keep a connection send much alike: a look into a table instead of encoding again.
@lru_cache(maxsize=1024)
def access_field(peer: str, byte_size: int, header_id: str = "") -> bytes:
    """Encode what goes behind a request's message while there is an access log.

    peer: the client's address. byte_size: of the request as it came. header_id: its x-request-id, "" without.
    """
    texts = f"{peer}\n{header_id}".encode("utf-8", "replace")
    return length_field(_FIELD, _BYTE_SIZE.pack(byte_size) + texts)


def header_id(text: str) -> str:
    """Return an id that came from a client if it can stand in a header, else ""."""
    fits = len(text) <= _MOST_ID_BYTE_SIZE and text.isascii() and text.isprintable() and text == text.strip()
    return text if fits else ""
