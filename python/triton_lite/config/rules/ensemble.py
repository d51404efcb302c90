"""Rules of an ensemble by itself: its steps and the way of its tensors. What its models say is config/ensemble.py."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import wraps
from typing import TypeAlias

from triton_lite.config.backends import ENSEMBLE
from triton_lite.config.error import ConfigError
from triton_lite.proto import messages

# Not evaluated: that would load protobuf.
_Rule: TypeAlias = "Callable[[messages.ModelConfig], None]"


@dataclass
class _Tensor:
    """One tensor of the ensemble's graph."""

    name: str
    written: bool = False  # Output of a step.
    ready: bool = False  # Reached from the ensemble's inputs.
    needs: list[_Tensor] = field(default_factory=list)
    feeds: list[_Tensor] = field(default_factory=list)


def _of_ensembles(rule: _Rule) -> _Rule:
    @wraps(rule)
    def applied(config: messages.ModelConfig) -> None:
        if config.HasField("ensemble_scheduling"):
            rule(config)

    return applied


def scheduling_goes_with_platform(config: messages.ModelConfig) -> None:
    """ensemble_scheduling and platform "ensemble" go together."""
    scheduled = config.HasField("ensemble_scheduling")
    if scheduled and config.platform != ENSEMBLE:
        raise ConfigError(
            f"ensemble scheduling cannot be set for model '{config.name}' whose platform is not {ENSEMBLE}",
            field=("ensemble_scheduling",),
            write='platform: "ensemble"',
        )
    if not scheduled and config.platform == ENSEMBLE:
        raise ConfigError(
            f"ensemble scheduling must be set for ensemble {config.name} whose platform is {ENSEMBLE}",
            field=("platform",),
            write="ensemble_scheduling { step [ … ] }",
        )


@_of_ensembles
def has_nothing_of_a_backend(config: messages.ModelConfig) -> None:
    """An ensemble has no instances, no optimization and no warm-up."""
    if config.instance_group:
        raise ConfigError(
            f"instance group should not be specified for ensemble '{config.name}'",
            field=("instance_group",),
            write="no instance_group",
        )
    if config.HasField("optimization"):
        raise ConfigError(
            f"optimization should not be specified for ensemble '{config.name}'",
            field=("optimization",),
            write="no optimization",
        )
    if config.model_warmup:
        raise ConfigError(
            f"model_warmup can not be specified for ensemble '{config.name}'",
            field=("model_warmup",),
            write="model_warmup in the models of the ensemble",
        )


@_of_ensembles
def steps_are_complete(config: messages.ModelConfig) -> None:
    """There are steps, and each names its model and maps inputs and outputs."""
    steps = config.ensemble_scheduling.step
    if not steps:
        raise ConfigError(f"must specify 'step' for ensemble '{config.name}'", field=("ensemble_scheduling",))
    for index, step in enumerate(steps):
        for part in ("model_name", "input_map", "output_map"):
            if not getattr(step, part):
                raise ConfigError(
                    f"must specify '{part}' in step {index} of ensemble '{config.name}'",
                    field=("ensemble_scheduling", "step", index),
                    write=f"{part} in the step",
                )


@_of_ensembles
def tensors_are_connected(config: messages.ModelConfig) -> None:
    """Every tensor is written before it is read, and used; the ensemble's outputs are written."""
    tensors = _graph(config)
    for index, tensor in enumerate(config.input):
        if tensor.name not in tensors:
            raise ConfigError(
                f"ensemble input '{tensor.name}' for ensemble {config.name}' is not used",
                field=("input", index),
                expected="an input_map that reads it",
            )
    _spread([tensors[tensor.name] for tensor in config.input])
    for index, tensor in enumerate(config.output):
        if tensor.name not in tensors:
            raise ConfigError(
                f"ensemble output '{tensor.name}' for ensemble {config.name}' is not used",
                field=("output", index),
                expected="an output_map that writes it",
            )
        if not tensors[tensor.name].ready:
            raise _not_written(config, tensors[tensor.name], index)
    outputs = {tensor.name for tensor in config.output}
    for name, node in tensors.items():
        if name not in outputs and not (node.ready and node.feeds):
            raise ConfigError(
                f"ensemble tensor '{name}' is unused in ensemble '{config.name}'",
                field=("ensemble_scheduling",),
                expected="a step that reads it, or no mapping to it",
            )


def _graph(config: messages.ModelConfig) -> dict[str, _Tensor]:
    tensors: dict[str, _Tensor] = {}
    for index, step in enumerate(config.ensemble_scheduling.step):
        outputs = []
        for name in step.output_map.values():
            tensor = tensors.setdefault(name, _Tensor(name))
            if tensor.written:
                raise ConfigError(
                    f"ensemble tensor '{name}' can appear in an output map only once for ensemble '{config.name}'"
                    f" step {index}",
                    field=("ensemble_scheduling", "step", index, "output_map"),
                )
            tensor.written = True
            outputs.append(tensor)
        for name in step.input_map.values():
            tensor = tensors.setdefault(name, _Tensor(name))
            for output in outputs:
                output.needs.append(tensor)
                tensor.feeds.append(output)
    return tensors


def _spread(ready: list[_Tensor]) -> None:
    """Mark what can be computed from the ensemble's inputs."""
    for tensor in ready:
        tensor.ready = True
    while ready:
        for tensor in ready.pop(0).feeds:
            if not tensor.ready and all(needed.ready for needed in tensor.needs):
                tensor.ready = True
                ready.append(tensor)


def _not_written(config: messages.ModelConfig, output: _Tensor, index: int) -> ConfigError:
    """Name the tensor at the start of the gap: the one that nothing writes."""
    text = f"output '{output.name}' for ensemble '{config.name}' is not written"
    source, seen = output, {""}
    while True:
        missing = next((tensor for tensor in source.needs if not tensor.ready and tensor.name not in seen), None)
        if missing is None:
            break
        seen.add(missing.name)
        source = missing
    if source.name != output.name:
        text += f": at least one of its depending tensors, '{source.name}', is not connected"
    return ConfigError(text, field=("output", index), expected="steps that lead from the inputs to it")


ENSEMBLE_RULES = (
    scheduling_goes_with_platform,
    has_nothing_of_a_backend,
    steps_are_complete,
    tensors_are_connected,
)
