"""Completes a configuration from the model's own file: batch size, batcher, inputs and outputs."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import chain

from triton_lite.config.error import ConfigError
from triton_lite.config.signature import Signature, SignatureTensor
from triton_lite.proto import messages

_VARIABLE = -1


def autocomplete(config: messages.ModelConfig, signature: Signature, default_max_batch_size: int) -> None:
    """Fill max_batch_size, dynamic_batching, input and output where the configuration leaves them open.

    Nothing is filled when inputs and outputs are both given. default_max_batch_size: what a model that can batch
    gets when its configuration does not say. Raises ConfigError when the configuration asks for batches and the
    file has no batch dimension.
    """
    has_inputs = bool(config.input or config.batch_input)
    if not signature.known or (has_inputs and config.output):
        return
    _complete_batching(config, signature, default_max_batch_size)
    if not has_inputs:
        _complete_tensors(config, config.input, (tensor for tensor in signature.inputs if not tensor.optional))
    if not config.output:
        _complete_tensors(config, config.output, signature.outputs)


def _complete_batching(config: messages.ModelConfig, signature: Signature, default_max_batch_size: int) -> None:
    required = (tensor for tensor in signature.inputs if not tensor.optional)
    can_batch = all(tensor.dims and tensor.dims[0] == _VARIABLE for tensor in chain(required, signature.outputs))
    if not can_batch:
        if config.max_batch_size:
            raise ConfigError(
                f"autofill failed for model '{config.name}': model does not support batching while non-zero"
                " max_batch_size is specified",
                field=("max_batch_size",),
                expected="0, since not every tensor of the model has a variable first dimension",
                write="max_batch_size: 0",
            )
        return
    if config.max_batch_size == 0:
        config.max_batch_size = max(default_max_batch_size, 0)
    if config.max_batch_size > 1 and config.WhichOneof("scheduling_choice") is None:
        config.dynamic_batching.SetInParent()


def _complete_tensors(
    config: messages.ModelConfig, tensors: messages.Message, signature: Iterable[SignatureTensor]
) -> None:
    first = 1 if config.max_batch_size > 0 else 0
    for stated in signature:
        tensor = tensors.add(name=stated.name, data_type=stated.datatype)
        tensor.dims.extend(stated.dims[first:])
        if not tensor.dims:
            # A scalar: clients send [1] and the model sees no dimension at all.
            tensor.dims.append(1)
            if config.max_batch_size > 0:
                tensor.reshape.SetInParent()
