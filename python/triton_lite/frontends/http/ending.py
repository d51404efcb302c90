"""The end of an HTTP process under an ASGI server: what is still in flight when its time is over gets an answer.

Servers tell the application that they end (ASGI's lifespan) when they have waited for their requests, and before they
cancel what is left.
"""

from __future__ import annotations

import asyncio
import logging
from typing import Any

from triton_lite.frontends.http.front_end import FrontEnd

_log = logging.getLogger("triton_lite.http")

# Answers that are given up are sent in this time.
_LAST_WORDS_SECONDS = 0.5


async def serve_lifespan(front_end: FrontEnd, receive: Any, send: Any) -> None:
    """Follow the server's start and end."""
    while True:
        event = await receive()
        if event["type"] == "lifespan.startup":
            await send({"type": "lifespan.startup.complete"})
        elif event["type"] == "lifespan.shutdown":
            cut_off = front_end.cut_off()
            if cut_off:
                _log.warning("%d requests in flight were not done in time and are answered 503", cut_off)
                await asyncio.sleep(_LAST_WORDS_SECONDS)
            await send({"type": "lifespan.shutdown.complete"})
            return
