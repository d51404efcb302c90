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

    models: a row for each version, {name, version, state, reason, detail, seconds}; a model of which nothing could
    be loaded has one row with version "" and state UNAVAILABLE. reason is Triton's text, detail says where and what
    to write. seconds: how long the version has been in its state. done: the initial load has ended; problem: why it
    was not complete.
    """
    now = time.monotonic()
    problems = context.lifecycle.table.problems()
    rows = []
    for name, versions in context.lifecycle.table.states().items():
        for version, status in versions.items():
            rows.append(
                {
                    "name": name,
                    "version": str(version),
                    "state": status.state.value,
                    "reason": status.reason,
                    "detail": problems.get(name, "") if status.state is State.UNAVAILABLE else "",
                    "seconds": round(now - status.since, 3),
                }
            )
    listed = {row["name"] for row in rows}
    rows += [
        {
            "name": name,
            "version": "",
            "state": State.UNAVAILABLE.value,
            "reason": problem,
            "detail": problem,
            "seconds": 0.0,
        }
        for name, problem in problems.items()
        if name not in listed
    ]
    rows.sort(key=lambda row: (row["name"], int(row["version"] or 0)))
    return {"models": rows, "done": context.progress.done, "problem": context.progress.problem}


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
