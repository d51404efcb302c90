"""The lines of each call in a verbose log."""

from __future__ import annotations

import itertools
import logging

from triton_lite.proto.methods import method_name

_log = logging.getLogger("triton_lite.grpc")

# Where Triton's name is not the method's.
_NAMES = {
    "ModelInfer": "ModelInferHandler",
    "ModelStreamInfer": "ModelStreamInferHandler",
    "TraceSetting": "Trace",
    "LogSettings": "Logging",
}
_calls = itertools.count()


def log_call(method: int) -> None:
    """Write Triton's line about a call that begins. Ask `logs.verbose()` first."""
    name = method_name(method)
    _log.debug("Process for %s, rpc_ok=1, %d step START", _NAMES.get(name, name), next(_calls))
