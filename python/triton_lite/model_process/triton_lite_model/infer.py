"""Writes the inferences that a model asks for."""

from __future__ import annotations

import json
from functools import lru_cache
from typing import TYPE_CHECKING

from .context import executing
from .encode import Draft
from .protocol import INFER, JOINS_TRACE

if TYPE_CHECKING:
    from .inference_request import InferenceRequest


def draft_inference(request: InferenceRequest, decoupled: bool) -> Draft:
    """Note a request made by a model."""
    known = request._texts or request._decode()
    correlation = known.correlation_id
    number, correlation_text = (correlation, "") if isinstance(correlation, int) else (0, correlation)
    trace = request._trace
    flags = request._flags
    context = ""
    parent = 0
    if trace is not None:
        context = trace._context
        parent = trace._key
        if parent:
            flags |= JOINS_TRACE
    if not parent:
        running = executing.get()
        parent = running[1] if running is not None else 0
    model_name = request.model_name().encode("utf-8")
    request_id = known.request_id.encode("utf-8")
    correlation_id = correlation_text.encode("utf-8")
    parameters = b"" if known.parameters == "{}" else known.parameters.encode("utf-8")
    outputs = _list_of(frozenset(known.outputs))
    trace_context = context.encode("utf-8")
    text = b"".join((model_name, request_id, correlation_id, parameters, outputs, trace_context))
    inputs = request._inputs
    draft = Draft(counts=False)
    draft.add(
        INFER.pack(
            parent,
            number,
            request._timeout,
            0,
            flags,
            len(inputs),
            len(model_name),
            len(request_id),
            len(correlation_id),
            len(parameters),
            len(outputs),
            len(trace_context),
            request._model_version if not request._key else -1,
            int(decoupled),
        )
        + text
        + bytes(-len(text) % 8)
    )
    for tensor in inputs:
        draft.add_tensor(tensor)
    return draft


@lru_cache(maxsize=64)
def _list_of(names: frozenset[str]) -> bytes:
    """Return names as they go into a record: mostly the same from request to request."""
    return json.dumps(sorted(names)).encode("utf-8")
