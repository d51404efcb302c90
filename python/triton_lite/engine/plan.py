"""In which order models are loaded: an ensemble after the models of its steps. Pure functions of configurations."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from triton_lite.proto import messages


def steps_of(config: messages.ModelConfig) -> dict[str, set[int]]:
    """Name the models that an ensemble needs, each with the versions it needs (-1: any). Empty for other models."""
    needed: dict[str, set[int]] = {}
    for step in config.ensemble_scheduling.step:
        needed.setdefault(step.model_name, set()).add(step.model_version)
    return needed


def find_circle(name: str, configs: Mapping[str, messages.ModelConfig]) -> str:
    """Find the ensemble through which `name` needs itself; empty when there is none."""
    seen: set[str] = set()
    waiting = [(needed, name) for needed in steps_of(configs[name])]
    while waiting:
        needed, by = waiting.pop()
        if needed == name:
            return by
        if needed in seen or needed not in configs:
            continue
        seen.add(needed)
        waiting += [(further, needed) for further in steps_of(configs[needed])]
    return ""


def levels(names: Iterable[str], configs: Mapping[str, messages.ModelConfig]) -> list[list[str]]:
    """Sort models into levels: each needs only models of the levels before it. There must be no circle."""
    left = sorted(set(names))
    result: list[list[str]] = []
    while left:
        level = [name for name in left if not any(needed in left for needed in steps_of(configs[name]))]
        if not level:
            raise ValueError(f"circular dependency among {', '.join(left)}")
        result.append(level)
        left = [name for name in left if name not in level]
    return result
