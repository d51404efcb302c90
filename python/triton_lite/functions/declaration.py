"""From a function and what its author says of it to a model's source, or to a text that says what is wrong."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from typing import Any

from triton_lite.config import rules
from triton_lite.config.normalize import normalize
from triton_lite.errors import Code, TritonError
from triton_lite.functions.batching import Batching, configure_batching
from triton_lite.functions.kind import kind_of
from triton_lite.functions.source import FunctionSource, source_of
from triton_lite.functions.tensor import Tensor
from triton_lite.proto import messages
from triton_lite.repository import scan

_PYTHON = "python"
_PARAMETER = inspect.Parameter
_GIVEN_BY_NAME = (_PARAMETER.POSITIONAL_OR_KEYWORD, _PARAMETER.KEYWORD_ONLY)
_GIVEN_IN_BULK = (_PARAMETER.VAR_KEYWORD, _PARAMETER.VAR_POSITIONAL)


def declare(
    function: Callable[..., Any],
    name: str,
    inputs: Sequence[Tensor],
    outputs: Sequence[Tensor],
    batching: Batching,
    count: int,
) -> FunctionSource:
    """Check a declaration and make the source of a model. name: empty for the function's own.

    Raises TritonError(INVALID_ARGUMENT).
    """
    if not callable(function):
        raise _invalid(f"a model is made of a function, not of {function!r}")
    own = str(getattr(function, "__name__", ""))
    if not name and not own.isidentifier():
        raise _invalid(f"the model needs a name, since that of its function is '{own}': name=…")
    name = name or own
    scan.check_name(name)
    try:
        return _declare(function, name, inputs, outputs, batching, count)
    except TritonError as error:
        raise TritonError(error.code, f"function '{name}': {error.text}") from None


def _declare(
    function: Callable[..., Any],
    name: str,
    inputs: Sequence[Tensor],
    outputs: Sequence[Tensor],
    batching: Batching,
    count: int,
) -> FunctionSource:
    kind = kind_of(function)
    config = messages.ModelConfig(name=name, backend=_PYTHON)
    configure_batching(batching, config)
    if isinstance(count, bool) or not isinstance(count, int) or count < 1:
        raise _invalid(f"count is the number of its threads, at least 1, not {count!r}")
    config.instance_group.add(name=f"{name}_0", kind=messages.ModelInstanceGroup.KIND_CPU, count=count)
    config.model_transaction_policy.decoupled = kind.decoupled
    for word, tensors, target in (("INPUT", inputs, config.input), ("OUTPUT", outputs, config.output)):
        _add_tensors(word, tensors, target)
    _check_parameters(function, list(config.input))
    whole = messages.ModelConfig()
    whole.CopyFrom(config)
    normalize(whole)
    rules.check_config(whole)
    rules.check_io(whole)
    return source_of(name, function, kind, config)


def _add_tensors(word: str, tensors: Sequence[Tensor], target: Any) -> None:
    kind = word.lower()
    if not isinstance(tensors, Sequence) or not all(isinstance(tensor, Tensor) for tensor in tensors):
        raise _invalid(f"{kind}s has to be a list of triton_lite.Tensor, not {tensors!r}")
    if not tensors:
        raise _invalid(f"a model has at least one {kind}")
    names: set[str] = set()
    for index, tensor in enumerate(tensors, 1):
        name = tensor.name or f"{word}_{index}"
        if name in names:
            raise _invalid(f"there are two {kind}s of the name '{name}'")
        names.add(name)
        added = target.add(name=name, data_type=tensor.number(), dims=tensor.dims())
        if tensor.optional:
            if word != "INPUT":
                raise _invalid(f"output '{name}' cannot be optional")
            added.optional = True


def _check_parameters(function: Callable[..., Any], inputs: Sequence[Any]) -> None:
    """Check that the function can be called with the inputs by name."""
    try:
        parameters = inspect.signature(function).parameters
    except (TypeError, ValueError):  # Of C: it says so itself when it is called.
        return
    names = {tensor.name for tensor in inputs}
    by_name = {name for name, parameter in parameters.items() if parameter.kind in _GIVEN_BY_NAME}
    unknown = sorted(names - by_name)
    if unknown and not any(parameter.kind is _PARAMETER.VAR_KEYWORD for parameter in parameters.values()):
        raise _invalid(f"it has no parameter for the input '{unknown[0]}'")
    required = [name for name, parameter in parameters.items() if _is_required(parameter)]
    for name in required:
        if name not in names & by_name:
            raise _invalid(f"no input is there for its parameter '{name}'; inputs are given by name")
    for tensor in inputs:
        if tensor.optional and tensor.name in required:
            raise _invalid(f"its parameter '{tensor.name}' needs a default, since the input is optional")


def _is_required(parameter: inspect.Parameter) -> bool:
    """Tell whether a call without the parameter fails."""
    return parameter.default is _PARAMETER.empty and parameter.kind not in _GIVEN_IN_BULK


def _invalid(text: str) -> TritonError:
    return TritonError(Code.INVALID_ARGUMENT, text)
