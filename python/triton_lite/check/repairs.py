"""Repairs for the rules whose faults are not elements that one could leave out."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from triton_lite.check.faults import Repair, copy_of, removal
from triton_lite.config.error import ConfigError
from triton_lite.config.signature import Signature
from triton_lite.proto import messages

# The name of a tensor that no configuration has.
_FRESH = "\0fresh"


def step_repairs(config: messages.ModelConfig, error: ConfigError) -> Iterator[Repair]:
    """A step that lacks a part gets one."""
    index = error.field[-1] if error.field else None
    if not isinstance(index, int):
        return
    copy = copy_of(config)
    step = copy.ensemble_scheduling.step[index]
    if not step.model_name:
        step.model_name = _FRESH
    elif not step.input_map:
        step.input_map[_FRESH] = _FRESH
    else:
        step.output_map[_FRESH] = _FRESH
    yield Repair(copy)


def graph_repairs(config: messages.ModelConfig, error: ConfigError) -> Iterator[Repair]:
    """A tensor that nothing writes becomes an input of the ensemble, one that nothing reads an output."""
    steps = config.ensemble_scheduling.step
    for part, names in (
        ("input", {name for step in steps for name in step.input_map.values()}),
        ("output", {name for step in steps for name in step.output_map.values()}),
    ):
        for name in sorted(names):
            if f"'{name}'" in error.text and error.field[:1] != ("input",):
                copy = copy_of(config)
                getattr(copy, part).add(name=name)
                yield Repair(copy)
    if error.field[:1] in (("input",), ("output",)):
        yield from removal(config, error)


def join_repairs(
    config_of: Callable[[str], messages.ModelConfig], config: messages.ModelConfig, error: ConfigError
) -> Iterator[Repair]:
    """What a step maps wrongly is left out, or mapped to a tensor of its own.

    config_of: the complete configuration of a step's model, by name.
    """
    copy = copy_of(config)
    steps = copy.ensemble_scheduling.step
    if error.field == ("max_batch_size",):
        limits = [config_of(step.model_name).max_batch_size for step in steps]
        copy.max_batch_size = min(limit for limit in limits if limit > 0)
        yield Repair(copy)
    if len(error.field) != 4 or error.field[1] != "step":
        return
    _, _, index, part = error.field
    model = config_of(steps[index].model_name)
    mapping = getattr(steps[index], str(part))
    names = [tensor.name for tensor in (model.input if part == "input_map" else model.output)]
    unknown = sorted(mapping.keys() - set(names))
    unmapped = [name for name in names if name not in mapping and f"input {name} in model" in error.text]
    joined = [name for name in names if name in mapping and f"ensemble tensor {mapping[name]}:" in error.text]
    if unknown:
        del mapping[unknown[0]]
    else:
        for name in (*unmapped, *joined):
            mapping[name] = f"{_FRESH} {index} {part} {name}"
    yield Repair(copy)


def signature_repairs(signature: Signature, config: messages.ModelConfig, error: ConfigError) -> Iterator[Repair]:
    """A tensor of a wrong type gets the file's, so that its shape is looked at too; others are left out."""
    if len(error.field) == 3 and error.field[-1] == "data_type":
        kind, index, _ = error.field
        copy = copy_of(config)
        tensor = getattr(copy, str(kind))[index]
        stated = signature.inputs if kind == "input" else signature.outputs
        tensor.data_type = next((one.datatype for one in stated if one.name == tensor.name), tensor.data_type)
        yield Repair(copy)
    if error.field != ("max_batch_size",):  # Without batches every shape would be another.
        yield from removal(config, error)
