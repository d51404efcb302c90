"""Asks the engine process for its metrics."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from triton_lite.errors import TritonError
from triton_lite.frontends.link import Client, EngineLink, raise_for
from triton_lite.proto.methods import MethodNumber

if TYPE_CHECKING:
    from triton_lite._native import ChannelClient

_log = logging.getLogger("triton_lite.metrics")

_NAME = "metrics"
# Less than the 10 s that Prometheus waits by default.
_WAIT_SECONDS = 8.0
_QUESTION = json.dumps({"what": "metrics"}).encode()


class EngineClient:
    """Connects when it is asked, and again when the engine was started anew. Thread-safe."""

    def __init__(self, connect: Callable[[str], Client]) -> None:
        self._link = EngineLink(_NAME, connect)

    @classmethod
    def at(cls, socket: Path) -> EngineClient:
        """Make the client of the engine that listens at `socket`, whenever it does."""

        def connect(name: str) -> ChannelClient:
            from triton_lite._native import ChannelClient

            return ChannelClient(str(socket), name)

        return cls(connect)

    def read(self) -> bytes | None:
        """Return the engine's metrics; None where there is no engine, or it does not answer in time."""
        try:
            client = self._link.client()
            call = client.send(MethodNumber.ADMIN, _QUESTION)
            answer = client.wait(call, _WAIT_SECONDS)
            if answer is None:
                client.cancel(call)
                _log.warning("the engine did not give its metrics in %g s", _WAIT_SECONDS)
                return None
            raise_for(answer)
            return answer.message
        except TritonError as error:
            _log.debug("there are no metrics of the engine: %s", error.text)
            return None
