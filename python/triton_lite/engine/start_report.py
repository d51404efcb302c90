"""Follows the first load of an engine's models and reports it."""

from __future__ import annotations

from collections.abc import Iterator

from triton_lite.engine.progress import Progress
from triton_lite.engine.report import ModelState, ReportWriter
from triton_lite.engine.state import ModelTable, State

_PROGRESS_SECONDS = 1.0


def report_start(table: ModelTable, progress: Progress, writer: ReportWriter) -> None:
    """Report until the models of the start are loaded; blocks."""
    while not progress.wait(_PROGRESS_SECONDS):
        states = {name: {status.state for status in versions.values()} for name, versions in table.states().items()}
        waiting = [name for name, versions in states.items() if State.LOADING in versions]
        writer.progress(len(states) - len(waiting), waiting)
    writer.loaded(outcome(table), progress.problem)


def outcome(table: ModelTable) -> Iterator[ModelState]:
    """Every version that was tried; of a model of which none could be, one entry without a version."""
    states, problems = table.states(), table.problems()
    for name, versions in states.items():
        for version, status in versions.items():
            yield ModelState(name, str(version), status.state.name, status.reason, status.advice)
    for name, problem in problems.items():
        if not states.get(name):
            yield ModelState(name, "", State.UNAVAILABLE.name, problem.text, problem.advice)
