"""The line of each request in a verbose log."""

from __future__ import annotations

import logging

_log = logging.getLogger("triton_lite.http")

# The numbers of Triton's HTTP library.
_METHODS = "GET HEAD POST PUT DELETE MKCOL COPY MOVE OPTIONS PROPFIND PROPPATCH LOCK UNLOCK TRACE CONNECT PATCH"
_NUMBERS = {name: number for number, name in enumerate(_METHODS.split())}


def log_request(method: str, path: str) -> None:
    """Write Triton's line. Ask `logs.verbose()` first."""
    _log.debug("HTTP request: %d %s", _NUMBERS.get(method, len(_NUMBERS)), path)
