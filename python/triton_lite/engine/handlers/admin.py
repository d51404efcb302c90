"""Calls of our own tools, JSON to JSON or to text: what `serve` prints and waits for, what it shows Prometheus."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from triton_lite.engine.handlers.handler import Context, Handler
from triton_lite.engine.start_report import outcome
from triton_lite.engine.status import status
from triton_lite.errors import Code, TritonError
from triton_lite.proto import MethodNumber


def models(context: Context) -> dict[str, Any]:
    """Show models and progress.

    models: a row for each version, {name, version, state, reason, advice}; a model of which nothing could be loaded
    has one row with version "". reason is Triton's text, advice says where the error is and what to write. done: the
    initial load has ended; problem: why it was not complete.
    """
    rows = sorted(outcome(context.lifecycle.table), key=lambda row: (row.name, int(row.version or 0)))
    return {
        "models": [asdict(row) for row in rows],
        "done": context.progress.done,
        "problem": context.progress.problem,
    }


def progress(context: Context) -> dict[str, Any]:
    """Tell whether the initial load has ended."""
    return {"done": context.progress.done}


def metrics(context: Context) -> bytes:
    """Give the metrics as Prometheus reads them."""
    return context.metrics.text()


_QUESTIONS: dict[str, Callable[[Context], dict[str, Any] | bytes]] = {
    "models": models,
    "progress": progress,
    "metrics": metrics,
    "status": status,
}


def admin(context: Context, encoded: bytes) -> bytes:
    """Answer {"what": QUESTION}. Raises TritonError(INVALID_ARGUMENT) for what is none."""
    try:
        question = json.loads(encoded)["what"]
        ask = _QUESTIONS[question]
    except (ValueError, KeyError, TypeError) as error:
        raise TritonError(Code.INVALID_ARGUMENT, f'expected {{"what": …}} with one of {list(_QUESTIONS)}') from error
    answer = ask(context)
    return answer if isinstance(answer, bytes) else json.dumps(answer).encode()


HANDLERS = {MethodNumber.ADMIN: Handler(admin, apart=True)}
