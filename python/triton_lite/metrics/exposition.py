"""The page that Prometheus reads: what the engine says of itself, and what is known without it."""

from __future__ import annotations

import time
from collections.abc import Callable

from triton_lite.metrics.family import Family
from triton_lite.version import version

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

_UP = Family("triton_lite_engine_up", "Whether the engine answers: without it, there is nothing but this")
_BUILD = Family("triton_lite_build_info", "Version of the server, as a label")
_START = Family("triton_lite_start_time_seconds", "When the server was started, in seconds since 1970")
_started = round(time.time(), 3)


def exposition(read_engine: Callable[[], bytes | None]) -> bytes:
    """Write the page. read_engine: the engine's metrics; None while there is no engine, which is no error here."""
    engine = read_engine()
    ours = (
        _UP.text([({}, 0 if engine is None else 1)])
        + _BUILD.text([({"version": version()}, 1)])
        + _START.text([({}, _started)])
    )
    return (engine or b"") + ours.encode()
