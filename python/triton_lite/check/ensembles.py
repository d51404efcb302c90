"""Checks ensembles against the other models: that these are there, fit together, and form no circle."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from functools import partial

from triton_lite.check.faults import all_faults
from triton_lite.check.finding import Findings
from triton_lite.check.model import Candidate, Checked
from triton_lite.check.repairs import join_repairs
from triton_lite.config.ensemble import check_ensemble
from triton_lite.config.error import ConfigError
from triton_lite.proto import messages


def check_ensembles(models: Mapping[str, Checked], repository: str | None, findings: Findings) -> None:
    """Check the ensembles of one repository, or of all (None). models: those that they see, by name."""
    configs = {name: model.served.config for name, model in models.items() if model.served.config is not None}
    for name, model in models.items():
        for candidate in model.candidates if repository in (None, model.source.repository) else ():
            if candidate.config is not None and candidate.is_ensemble():
                _check(name, candidate, models, configs, findings)


def _check(
    name: str,
    candidate: Candidate,
    models: Mapping[str, Checked],
    configs: Mapping[str, messages.ModelConfig],
    findings: Findings,
) -> None:
    config = candidate.config
    assert config is not None
    steps = config.ensemble_scheduling.step
    for index, step in enumerate(steps):
        way = _way(step.model_name, name, configs)
        if way:
            error = ConfigError(
                f"circular dependency between ensembles: {' -> '.join((name, *way))}",
                field=("ensemble_scheduling", "step", index, "model_name"),
                expected="a model that does not need this ensemble",
                write="another model, or one of the ensembles without the step",
            )
            candidate.add(error, findings)
            return
    faults = [_step_fault(candidate, index, models, findings) for index in range(len(steps))]
    if faults and not any(faults):
        rule = partial(check_ensemble, config_of=configs.__getitem__)
        for error in all_faults(rule, config, partial(join_repairs, configs.__getitem__)):
            candidate.add(error, findings)


def _way(start: str, end: str, configs: Mapping[str, messages.ModelConfig]) -> list[str]:
    """Find a way through the steps of ensembles from one model to another, both named in it; empty without one."""
    ways = {start: [start]}
    waiting = [start]
    for name in waiting:
        if name == end:
            return ways[name]
        for step in configs[name].ensemble_scheduling.step if name in configs else ():
            if step.model_name not in ways:
                ways[step.model_name] = [*ways[name], step.model_name]
                waiting.append(step.model_name)
    return []


def _step_fault(
    candidate: Candidate,
    index: int,
    models: Mapping[str, Checked],
    findings: Findings,
) -> bool:
    """Report what is wrong with the model of a step. Tells whether the step cannot be checked any further."""
    assert candidate.config is not None
    name = candidate.config.name
    step = candidate.config.ensemble_scheduling.step[index]
    needed = step.model_name
    if not needed:
        return True
    if needed not in models:
        near = difflib.get_close_matches(needed, models, 1)
        error = ConfigError(
            f"ensemble {name} contains models that are not available or ambiguous: {needed}",
            field=("ensemble_scheduling", "step", index, "model_name"),
            expected="a model of the repository",
            write=f'model_name: "{near[0]}"' if near else f"a model {needed} in the repository",
        )
        candidate.add(error, findings)
        return True
    versions = models[needed].served.versions
    if step.model_version != -1 and step.model_version not in versions and versions:
        error = ConfigError(
            f"ensemble '{name}' depends on '{needed}' whose required version {step.model_version} is not loaded.",
            field=("ensemble_scheduling", "step", index, "model_version"),
            expected="a version that is served: " + ", ".join(map(str, versions)),
            write="model_version: -1",
        )
        candidate.add(error, findings)
    return not models[needed].served.complete
