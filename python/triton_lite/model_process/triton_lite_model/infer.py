"""Writes the inferences that a model asks for."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from .context import executing
from .encode import Draft
from .protocol import INFER, JOINS_TRACE

if TYPE_CHECKING:
    from .inference_request import InferenceRequest


def draft_inference(request: InferenceRequest, decoupled: bool) -> Draft:
    """Note a request made by a model."""
    correlation = request.correlation_id()
    number, correlation_text = (correlation, "") if isinstance(correlation, int) else (0, correlation)
    parameters = request.parameters()
    trace = request._trace
    parent = trace._key if trace is not None else 0
    if not parent:
        running = executing.get()
        parent = running[1] if running is not None else 0
    texts = [
        text.encode("utf-8")
        for text in (
            request.model_name(),
            request.request_id(),
            correlation_text,
            "" if parameters == "{}" else parameters,
            json.dumps(sorted(request.requested_output_names())),
            trace._context if trace is not None else "",
        )
    ]
    inputs = request.inputs()
    text = b"".join(texts)
    draft = Draft(counts=False)
    draft.add(
        INFER.pack(
            parent,
            number,
            request.timeout(),
            0,
            request.flags() | (JOINS_TRACE if trace is not None and trace._key else 0),
            len(inputs),
            *map(len, texts),
            request._model_version if not request._key else -1,
            int(decoupled),
        )
        + text
        + bytes(-len(text) % 8)
    )
    for tensor in inputs:
        draft.add_tensor(tensor)
    return draft
