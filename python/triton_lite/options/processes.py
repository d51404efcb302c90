"""How many processes a front end has where nobody says it."""

from __future__ import annotations

import os
from typing import Any

# A process translates what some four cores infer; all of a server together stay within 200 MB.
_CORES_EACH = {"http-workers": 4, "grpc-processes": 8}
_MOST = {"http-workers": 4, "grpc-processes": 2}


def front_end_processes(option: str, value: Any) -> int:
    """Return the value of `http-workers` or `grpc-processes`, or what suits the machine if it was not given."""
    if value is not None:
        return int(value)
    return max(1, min(_MOST[option], _cores() // _CORES_EACH[option]))


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
