"""Checks a configuration by itself: every rule, one by one."""

from __future__ import annotations

from collections.abc import Collection
from functools import partial

from triton_lite.check.faults import Rule, all_faults, copy_of
from triton_lite.check.finding import Findings
from triton_lite.check.model import Candidate
from triton_lite.check.repairs import graph_repairs, step_repairs
from triton_lite.check.rule_tables import config_rules, instance_rules, serving_rules, tensor_rules
from triton_lite.config import backends, rules
from triton_lite.config.error import ConfigError, FieldPath
from triton_lite.config.normalize import normalize, normalize_instance_groups
from triton_lite.config.rules.ensemble import steps_are_complete, tensors_are_connected
from triton_lite.config.rules.general import has_backend_unless_ensemble, platform_fits_backend
from triton_lite.proto import messages

_REPAIRS = {steps_are_complete: step_repairs, tensors_are_connected: graph_repairs}

# Rules that only repeat in other words what another has found.
_FOLLOWING: dict[Rule, set[Rule]] = {
    steps_are_complete: {tensors_are_connected},
    has_backend_unless_ensemble: {platform_fits_backend},
}


def check_configuration(candidate: Candidate, backend_directory: str, findings: Findings) -> None:
    """Check what the file says of the model as a whole, of its scheduler and of its steps.

    backend_directory: the folder of backends that are written in Python.
    """
    config = candidate.config
    if config is None:
        return
    normalize(config)
    skipped: set[Rule] = set() if candidate.backend_known else {has_backend_unless_ensemble}
    for rule in config_rules():
        if rule in skipped:
            continue
        errors = all_faults(rule, config, _REPAIRS.get(rule))
        if errors:
            skipped |= _FOLLOWING.get(rule, set())
            candidate.backend_known &= rule not in (has_backend_unless_ensemble, platform_fits_backend)
        for error in errors:
            candidate.add(error, findings)
    backends.find_python_based(config, (candidate.source.directory,), backend_directory)
    for error in all_faults(partial(rules.check_runtime, backend_directory=backend_directory), config):
        candidate.add(error, findings)
    _check_name(candidate, config, findings)


def check_tensors(candidate: Candidate, findings: Findings) -> None:
    """Check inputs and outputs, those of the file and those that were completed."""
    if candidate.config is None:
        return
    faulty: set[FieldPath] = set()
    for rule, repairs in tensor_rules(candidate.config):
        for error in all_faults(rule, candidate.config, repairs):
            # That a shape does not fit another says nothing new of one whose sizes are wrong.
            if not any(known[: len(error.field)] == error.field for known in faulty):
                candidate.add(error, findings)
            faulty.add(error.field)


def check_instances(candidate: Candidate, gpus: Collection[int], findings: Findings) -> None:
    """Check the instance groups for a machine with these GPUs."""
    if candidate.config is None:
        return
    config = copy_of(candidate.config)
    normalize_instance_groups(config, gpus)
    for rule, repairs in instance_rules(config, gpus):
        for error in all_faults(rule, config, repairs):
            candidate.add(error, findings)


def check_serving(candidate: Candidate, findings: Findings) -> None:
    """Check what instances and schedulers ask for, after everything else."""
    if candidate.config is None:
        return
    for rule, repairs in serving_rules(candidate.config, candidate.source.directory):
        for error in all_faults(rule, candidate.config, repairs):
            candidate.add(error, findings)


def _check_name(candidate: Candidate, config: messages.ModelConfig, findings: Findings) -> None:
    folder = candidate.source.name
    if config.name and config.name != folder:
        text = f"unexpected directory name '{folder}' for model '{config.name}', directory name must equal model name"
        candidate.add(ConfigError(text, field=("name",), write=f'name: "{folder}", or no name'), findings)
