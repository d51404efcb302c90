"""Rules between an ensemble and the models of its steps, once these are loaded and their configurations complete."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from triton_lite.config import datatypes
from triton_lite.config.error import ConfigError
from triton_lite.config.signature import shape_text
from triton_lite.proto import messages

_VARIABLE = -1


@dataclass
class _Tensor:
    """One tensor of the ensemble: what the first model that uses it says of it."""

    model: str
    datatype: int
    dims: list[int]
    full_dims: list[int]
    step: int = -1  # The step that writes it.
    decoupled: bool = False
    branch: int = 0  # Tensors of one branch come from the same answers.
    visited: bool = False
    needs: list[_Tensor] = field(default_factory=list)
    feeds: list[_Tensor] = field(default_factory=list)


def check_ensemble(config: messages.ModelConfig, config_of: Callable[[str], messages.ModelConfig]) -> None:
    """Check an ensemble against its models and fill its transaction policy. Raises ConfigError.

    config_of: the complete configuration of a model of the ensemble, by name.
    """
    tensors = _own_tensors(config)
    for index, step in enumerate(config.ensemble_scheduling.step):
        model = config_of(step.model_name)
        if 0 < model.max_batch_size < config.max_batch_size:
            raise ConfigError(
                f"ensemble {config.name} allows maximum batch size {config.max_batch_size}, but it contains model"
                f" {step.model_name} which only allows maximum batch size to be {model.max_batch_size}",
                field=("max_batch_size",),
                write=f"max_batch_size: {model.max_batch_size}",
            )
        _map_inputs(config, step, model, tensors, index)
        _map_outputs(config, step, model, tensors, index)
        _link(step, model, tensors)
    branches = _follow_branches(config, tensors)
    config.model_transaction_policy.decoupled = branches > 0


def _identifier(step: messages.Message) -> str:
    """Spell the model of a step with its namespace, if it has one, as Triton does in most of its texts."""
    return f"{step.model_namespace}::{step.model_name}" if step.model_namespace else str(step.model_name)


def _tensor(config: messages.ModelConfig, name: str, tensor: messages.Message, dims: Sequence[int]) -> _Tensor:
    batch = [_VARIABLE] if config.max_batch_size > 0 else []
    return _Tensor(name, tensor.data_type, list(dims), batch + list(dims))


def _own_tensors(config: messages.ModelConfig) -> dict[str, _Tensor]:
    tensors: dict[str, _Tensor] = {}
    for tensor in (*config.input, *config.output):
        dims = tensor.reshape.shape if tensor.HasField("reshape") else tensor.dims
        tensors.setdefault(tensor.name, _tensor(config, config.name, tensor, dims))
    return tensors


def _map_inputs(
    config: messages.ModelConfig,
    step: messages.Message,
    model: messages.ModelConfig,
    tensors: dict[str, _Tensor],
    index: int,
) -> None:
    where = ("ensemble_scheduling", "step", index, "input_map")
    names = {tensor.name for tensor in model.input}
    for name, mapped in sorted(step.input_map.items()):
        if name not in names:
            raise ConfigError(
                f"in ensemble {config.name}, ensemble tensor {mapped} is mapping to non-existing input {name} in"
                f" model {_identifier(step)}",
                field=where,
                expected="keys among " + ", ".join(sorted(names)),
            )
    for tensor in model.input:
        if tensor.name in step.input_map:
            _join(config, step, model, tensor, step.input_map[tensor.name], tensors, where)
        elif not tensor.optional:
            raise ConfigError(
                f"in ensemble {config.name}, input {tensor.name} in model {_identifier(step)} is not mapped to any"
                " ensemble tensors",
                field=where,
                write=f'input_map {{ key: "{tensor.name}" value: "…" }}',
            )


def _map_outputs(
    config: messages.ModelConfig,
    step: messages.Message,
    model: messages.ModelConfig,
    tensors: dict[str, _Tensor],
    index: int,
) -> None:
    where = ("ensemble_scheduling", "step", index, "output_map")
    outputs = {tensor.name: tensor for tensor in model.output}
    for name, mapped in sorted(step.output_map.items()):
        if name not in outputs:
            raise ConfigError(
                f"in ensemble {config.name}, ensemble tensor {mapped} is mapped from non-existing output {name} in"
                f" model {step.model_name}",
                field=where,
                expected="keys among " + ", ".join(sorted(outputs)),
            )
    for name, mapped in sorted(step.output_map.items()):
        _join(config, step, model, outputs[name], mapped, tensors, where)
        tensors[mapped].step = index


def _join(
    config: messages.ModelConfig,
    step: messages.Message,
    model: messages.ModelConfig,
    tensor: messages.Message,
    mapped: str,
    tensors: dict[str, _Tensor],
    where: tuple[str | int, ...],
) -> None:
    """Let a model's tensor stand for an ensemble tensor: what others said of it must agree."""
    new = _tensor(model, _identifier(step), tensor, tensor.dims)
    known = tensors.setdefault(mapped, new)
    prefix = f"in ensemble {config.name}, ensemble tensor {mapped}: "
    if known.datatype != new.datatype:
        raise ConfigError(
            f"{prefix}inconsistent data type: {datatypes.config_name(known.datatype)} is inferred from model"
            f" {known.model} while {datatypes.config_name(new.datatype)} is inferred from model {new.model}",
            field=where,
        )
    if not (_agree(known.dims, new.dims) or _agree(known.full_dims, new.full_dims)):
        raise ConfigError(
            f"{prefix}inconsistent shape: {shape_text(known.full_dims)} is inferred from model {known.model} while"
            f" {shape_text(new.full_dims)} is inferred from model {new.model}",
            field=where,
        )


def _agree(one: Sequence[int], other: Sequence[int]) -> bool:
    """Compare shapes; a variable dimension agrees with everything, until a request is there."""
    return len(one) == len(other) and all(a == b or _VARIABLE in (a, b) for a, b in zip(one, other, strict=True))


def _link(step: messages.Message, model: messages.ModelConfig, tensors: dict[str, _Tensor]) -> None:
    for mapped in step.output_map.values():
        tensors[mapped].decoupled = model.model_transaction_policy.decoupled
        for needed in step.input_map.values():
            tensors[mapped].needs.append(tensors[needed])
            tensors[needed].feeds.append(tensors[mapped])


def _follow_branches(config: messages.ModelConfig, tensors: dict[str, _Tensor]) -> int:
    """Follow the data from the inputs. A decoupled step starts a new branch; branches must not meet.

    Returns the number of branches that decoupled steps started.
    """
    branches = 0
    branch_of_step: dict[int, int] = {}
    queue = deque(tensors[tensor.name] for tensor in config.input)
    for tensor in queue:
        tensor.visited = True
    while queue:
        for tensor in queue.popleft().feeds:
            if tensor.visited or not all(needed.visited for needed in tensor.needs):
                continue
            branch = tensor.needs[0].branch
            if any(needed.branch != branch for needed in tensor.needs):
                raise _branches_meet(config, tensor.model)
            if tensor.step not in branch_of_step:
                if tensor.decoupled:
                    branches += 1
                    branch = branches
                branch_of_step[tensor.step] = branch
            tensor.branch = branch_of_step[tensor.step]
            tensor.visited = True
            queue.append(tensor)
    if len({tensors[tensor.name].branch for tensor in config.output}) > 1:
        raise _branches_meet(config, config.name)
    return branches


def _branches_meet(config: messages.ModelConfig, model: str) -> ConfigError:
    """Refuse to join answers of different decoupled models; model: who would, the ensemble itself for its outputs."""
    return ConfigError(
        f"in ensemble {config.name}, step of model '{model}' receives inputs originated from different decoupled"
        " models",
        field=("ensemble_scheduling",),
        expected="tensors that come from the same answers of one decoupled model",
    )
