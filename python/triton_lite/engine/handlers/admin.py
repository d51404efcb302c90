"""Calls of our own tools, JSON to JSON: what `serve` prints and waits for."""

from __future__ import annotations

import json
import time
from typing import Any

from triton_lite.engine.handlers.handler import Context, Handler
from triton_lite.engine.state import State
from triton_lite.errors import Code, TritonError
from triton_lite.proto import MethodNumber


def models(context: Context) -> dict[str, Any]:
    """Show models and progress.

    models: a row for each version, {name, version, state, reason, advice, seconds}; a model of which nothing could
    be loaded has one row with version "". reason is Triton's text, advice says where the error is and what to
    write. seconds: how long the version has been in its state. done: the initial load has ended; problem: why it
    was not complete.
    """
    now = time.monotonic()
    rows = [
        _row(name, str(version), status.state, status.reason, status.advice, now - status.since)
        for name, versions in context.lifecycle.table.states().items()
        for version, status in versions.items()
    ]
    shown = {row["name"] for row in rows}
    rows += [
        _row(name, "", State.UNAVAILABLE, problem.text, problem.advice, 0.0)
        for name, problem in context.lifecycle.table.problems().items()
        if name not in shown
    ]
    rows.sort(key=lambda row: (row["name"], int(row["version"] or 0)))
    return {"models": rows, "done": context.progress.done, "problem": context.progress.problem}


def _row(name: str, version: str, state: State, reason: str, advice: str, seconds: float) -> dict[str, Any]:
    return {
        "name": name,
        "version": version,
        "state": state.value,
        "reason": reason,
        "advice": advice,
        "seconds": round(seconds, 3),
    }


_QUESTIONS = {"models": models}


def admin(context: Context, encoded: bytes) -> bytes:
    """Answer {"what": QUESTION}. Raises TritonError(INVALID_ARGUMENT) for what is none."""
    try:
        question = json.loads(encoded)["what"]
        answer = _QUESTIONS[question]
    except (ValueError, KeyError, TypeError) as error:
        raise TritonError(Code.INVALID_ARGUMENT, f'expected {{"what": …}} with one of {list(_QUESTIONS)}') from error
    return json.dumps(answer(context)).encode()


HANDLERS = {MethodNumber.ADMIN: Handler(admin)}
