"""A request that the rules do not let in."""

from __future__ import annotations

from collections.abc import Mapping

from triton_lite.errors import Code, TritonError

_HTTP_STATUS = {Code.UNAUTHENTICATED: 401, Code.PERMISSION_DENIED: 403, Code.RESOURCE_EXHAUSTED: 429}


class Refused(TritonError):
    """What a client is told: a code for gRPC, a status and headers for HTTP, and one text."""

    def __init__(self, code: Code, text: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(code, text)
        self.headers = dict(headers or {})

    @property
    def http_status(self) -> int:
        """The status over HTTP; 403 for what Triton answers gRPC's UNAVAILABLE to."""
        return _HTTP_STATUS.get(self.code, 403)
