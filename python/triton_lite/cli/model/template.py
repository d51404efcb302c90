"""A commented config.pbtxt for a model, from what its file says of itself."""

from __future__ import annotations

from collections.abc import Sequence

from triton_lite.config import datatypes
from triton_lite.config.signature import Signature, SignatureTensor

_VARIABLE = -1

_HEAD = """\
# The configuration of model {name}, made from {origin}.
# Everything here is what the server would also find out by itself: keep what you want to fix, delete the rest.

# name: has to be the name of this folder.
name: "{name}"
backend: "onnxruntime"
"""

_WITH_BATCHES = """
# Requests are put together along the first dimension of every tensor, up to this many. `dims` below leave that
# dimension out. With 0 there are no batches: `dims` then have all dimensions, the first one included.
max_batch_size: {max_batch_size}

# Waits for more requests to fill a batch. Without it, each request runs by itself.
dynamic_batching {{
  # How long the first request of a batch may wait for others.
  # max_queue_delay_microseconds: 100
}}
"""

_WITHOUT_BATCHES = """
# Not every tensor of the model has a variable first dimension: it cannot be run in batches.
max_batch_size: 0
"""

_TAIL = """
# How many copies of the model run side by side, and where. Without it: two on a CPU, one on each GPU.
# instance_group [
#   { count: 2 kind: KIND_CPU }
#   { count: 1 kind: KIND_GPU gpus: [ 0 ] }
# ]

# Which of the folders 1, 2, … are served. Without it: the one with the highest number.
# version_policy { all { } }

# What is run before the model is ready, so that the first request is no slower than others.
# model_warmup [
#   {
#     name: "zeros"
#     batch_size: 1
#     inputs { key: "NAME" value { data_type: TYPE_FP32 dims: [ 1 ] zero_data: true } }
#   }
# ]
"""


def configuration(name: str, origin: str, signature: Signature, max_batch_size: int) -> str:
    """Write the configuration. max_batch_size: what a model gets that can be run in batches, 0 for none."""
    batches = max_batch_size > 0 and can_batch(signature)
    head = _HEAD.format(name=name, origin=origin)
    batching = _WITH_BATCHES.format(max_batch_size=max_batch_size) if batches else _WITHOUT_BATCHES
    if not batches and can_batch(signature):
        batching = "\n# No batches: `dims` have all dimensions, the first one included.\nmax_batch_size: 0\n"
    required = [tensor for tensor in signature.inputs if not tensor.optional]
    optional = [tensor for tensor in signature.inputs if tensor.optional]
    text = head + batching
    text += _tensors("input", "Inputs: name, type and shape; -1 is a dimension that varies.", required, batches)
    if optional:
        text += "# Inputs that may be left out: " + ", ".join(tensor.name for tensor in optional) + "\n"
    text += _tensors(
        "output", "Outputs. `label_filename` names a file with one label a line.", signature.outputs, batches
    )
    return text + _TAIL


def can_batch(signature: Signature) -> bool:
    """Tell whether every tensor has a variable first dimension."""
    tensors = [*(tensor for tensor in signature.inputs if not tensor.optional), *signature.outputs]
    return bool(tensors) and all(tensor.dims and tensor.dims[0] == _VARIABLE for tensor in tensors)


def _tensors(field: str, comment: str, tensors: Sequence[SignatureTensor], batches: bool) -> str:
    entries = ",\n".join(_tensor(tensor, batches) for tensor in tensors)
    return f"\n# {comment}\n{field} [\n{entries}\n]\n" if tensors else ""


def _tensor(tensor: SignatureTensor, batches: bool) -> str:
    dims = list(tensor.dims[1:] if batches else tensor.dims)
    reshape = ""
    if not dims:
        # Clients send [1]; the model sees no dimension at all.
        dims, reshape = [1], "\n    reshape { shape: [ ] }" if batches else ""
    sizes = ", ".join(str(size) for size in dims)
    return (
        f'  {{\n    name: "{tensor.name}"\n    data_type: {datatypes.config_name(tensor.datatype)}\n'
        f"    dims: [ {sizes} ]{reshape}\n  }}"
    )
