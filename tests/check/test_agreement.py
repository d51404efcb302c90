"""A check and a server agree: what has errors is not loaded, what has none, or only warnings, is."""

from __future__ import annotations

from pathlib import Path

import pytest
from repository_maker import Broken
from test_broken import CASES, found

from triton_lite import _native
from triton_lite.engine.lifecycle import Lifecycle
from triton_lite.engine.loader import Loader
from triton_lite.engine.model_processes.calls import ModelCalls
from triton_lite.engine.model_processes.service import ModelProcesses
from triton_lite.engine.options import EngineOptions
from triton_lite.errors import TritonError


def refusals(case: Broken, root: Path) -> list[str]:
    """What an engine that serves the repositories has against them."""
    options = EngineOptions(
        model_repository=[str(root / name) for name in case.repositories],
        disable_auto_complete_config=bool(case.options.get("disable_auto_complete_config")),
        model_config_name=str(case.options.get("model_config_name", "")),
        backend_config=case.options.get("backend_config", {}),
    )
    engine = _native.Engine()
    gpus = case.options.get("gpus", frozenset())
    assert isinstance(gpus, frozenset)
    processes = ModelProcesses(_native, ModelCalls())
    lifecycle = Lifecycle(Loader(_native, engine, options, gpus, processes), engine, options)
    try:
        failures = lifecycle.load_initial()
    except TritonError as error:
        return [error.text]
    finally:
        engine.stop()
        lifecycle.close()
        processes.close(30)
    return [error.text for error in failures.values()]


# Rules of config that the engine does not ask yet.
NOT_ASKED_YET: set[str] = set()


@pytest.mark.parametrize("case", [case for case in CASES if case.name not in NOT_ASKED_YET], ids=str)
def test_errors_are_what_a_server_refuses(case: Broken, tmp_path: Path) -> None:
    findings = found(case, tmp_path)
    errors = [finding.text for finding in findings if finding.severity == "error"]
    assert bool(refusals(case, tmp_path)) == bool(errors), errors
