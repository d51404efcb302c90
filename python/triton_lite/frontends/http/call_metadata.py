"""What is said of an HTTP request beside its message, for the access log and for traces."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from triton_lite.frontends.access import about, about_asgi
from triton_lite.frontends.http.front_end import FrontEnd
from triton_lite.frontends.http.headers import request_id
from triton_lite.frontends.http.tracing import CONTEXT, TRACE
from triton_lite.frontends.peers import client_of
from triton_lite.frontends.tracing import with_context

if TYPE_CHECKING:
    from typing_extensions import Buffer


def call_metadata(front_end: FrontEnd, req: Any, body: Buffer) -> tuple[int, bytes]:
    """Return `since` and `about` (link.Client.send) of a request of Falcon's."""
    asynchronous = hasattr(req, "scope")
    holder = req.scope if asynchronous else req.env
    said = b""
    if front_end.options.access_log:
        byte_size, given_id = memoryview(body).nbytes, request_id(req)
        if asynchronous:
            said = about_asgi(client_of(req.scope), byte_size, given_id.encode())
        else:
            said = about(f"{req.remote_addr}:{req.env.get('REMOTE_PORT', '')}", byte_size, given_id)
    if CONTEXT in holder:
        said = with_context(said, *holder[CONTEXT])
    trace = holder.get(TRACE)
    return 0 if trace is None else trace.since, said
