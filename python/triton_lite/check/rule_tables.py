"""The rules of triton_lite.config as single functions of a configuration, so that each can be asked by itself."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from functools import partial

from triton_lite.check.faults import Repair, Repairs, Rule, nothing, removal
from triton_lite.config import rules
from triton_lite.config.error import ConfigError, FieldPath
from triton_lite.config.rules import batch_io, batching_strategy, instances, states, tensors
from triton_lite.config.rules.values import values_have_names
from triton_lite.proto import messages


def config_rules() -> tuple[Rule, ...]:
    """Rules of everything but tensors and instances."""
    return (values_have_names, *rules._CONFIG_RULES)


def tensor_rules(config: messages.ModelConfig) -> Iterator[tuple[Rule, Repairs]]:
    """Rules of inputs and outputs, each for one tensor, and those of batch inputs and outputs."""
    for kind in ("input", "output"):
        for index in range(len(getattr(config, kind))):
            for rule in tensors._RULES:
                yield partial(_of_tensor, rule, kind, index), partial(removal, below=2)
    for whole in batch_io.BATCH_IO_RULES:
        yield whole, removal


def instance_rules(config: messages.ModelConfig, gpus: Collection[int]) -> Iterator[tuple[Rule, Repairs]]:
    """Rules of instance groups, each for one group. gpus: ids of the machine's GPUs."""
    if config.HasField("ensemble_scheduling"):
        return
    for index in range(len(config.instance_group)):
        for rule in instances._RULES:
            yield partial(_of_group, rule, index, gpus), _group_repairs


def serving_rules(config: messages.ModelConfig, directory: str) -> Iterator[tuple[Rule, Repairs]]:
    """Rules of what instances and schedulers ask for, warm-up aside. directory: the model's folder."""
    if config.HasField("ensemble_scheduling"):
        return
    yield partial(batching_strategy.check_batching_strategy, model_directory=directory), removal
    for at, state in enumerate(config.sequence_batching.state):
        for index in range(len(state.initial_state)):
            for rule in states._RULES:
                yield partial(_of_state, rule, at, index), nothing
    yield states.check_states, removal
    yield tensors.check_sizes, removal


def _of_state(rule: Callable[..., None], at: int, index: int, config: messages.ModelConfig) -> None:
    state = config.sequence_batching.state[at]
    try:
        rule(state, state.initial_state[index])
    except ConfigError as error:
        raise _moved(error, ("sequence_batching", "state", at, "initial_state", index)) from None


def _group_repairs(config: messages.ModelConfig, error: ConfigError) -> Iterator[Repair]:
    """A wrong device is left out, unless it is the only one: a group without devices is another fault."""
    _, index, *_ = error.field
    if len(config.instance_group[index].gpus) > 1:
        yield from removal(config, error, below=2)


def _of_tensor(rule: Callable[..., None], kind: str, index: int, config: messages.ModelConfig) -> None:
    try:
        rule(config, getattr(config, kind)[index], kind)
    except ConfigError as error:
        raise _moved(error, (kind, index), f" for {config.name}") from None


def _of_group(rule: Callable[..., None], index: int, gpus: Collection[int], config: messages.ModelConfig) -> None:
    try:
        rule(config, config.instance_group[index], gpus)
    except ConfigError as error:
        raise _moved(error, ("instance_group", index)) from None


def _moved(error: ConfigError, place: FieldPath, ending: str = "") -> ConfigError:
    return ConfigError(
        error.text + ending, code=error.code, field=(*place, *error.field), expected=error.expected, write=error.write
    )
