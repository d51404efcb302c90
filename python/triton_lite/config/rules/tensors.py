"""Rules of inputs and outputs."""

from __future__ import annotations

from math import prod

from triton_lite.config.backends import TENSORRT_PLATFORM
from triton_lite.config.error import ConfigError, FieldPath
from triton_lite.config.rules.sizes import VARIABLE, element_count
from triton_lite.proto import messages


def check_tensors(config: messages.ModelConfig) -> None:
    """Apply every rule to every input and output, in their order. Raises ConfigError."""
    for kind in ("input", "output"):
        for index, tensor in enumerate(getattr(config, kind)):
            for rule in _RULES:
                try:
                    rule(config, tensor, kind)
                except ConfigError as error:
                    error.text += f" for {config.name}"
                    error.args = (error.text,)
                    error.field = (kind, index, *error.field)
                    raise


def has_name(config: messages.ModelConfig, tensor: messages.Message, kind: str) -> None:
    """A tensor has a name."""
    if not tensor.name:
        raise ConfigError(f"model {kind} must specify 'name'", field=("name",), write='name: "…"')


def has_data_type(config: messages.ModelConfig, tensor: messages.Message, kind: str) -> None:
    """A tensor has a type."""
    if not tensor.data_type:
        raise ConfigError(
            f"model {kind} '{tensor.name}' must specify 'data_type'",
            field=("data_type",),
            write="data_type: TYPE_FP32 (or another type)",
        )


def has_dims(config: messages.ModelConfig, tensor: messages.Message, kind: str) -> None:
    """A tensor has dimensions."""
    if not tensor.dims:
        raise ConfigError(
            f"model {kind} '{tensor.name}' must specify 'dims'",
            field=("dims",),
            expected="the shape without the batch dimension",
            write="dims: [ 1 ] reshape { shape: [ ] } for a scalar in a batch",
        )


def not_empty_without_batch(config: messages.ModelConfig, tensor: messages.Message, kind: str) -> None:
    """Without a batch dimension nothing would be left of an empty reshape."""
    if tensor.HasField("reshape") and not tensor.reshape.shape and config.max_batch_size == 0:
        raise ConfigError(
            f"model {kind} '{tensor.name}' cannot have empty reshape for non-batching model as scalar tensors are"
            " not supported",
            field=("reshape",),
            write="no reshape",
        )


def dims_are_sizes(config: messages.ModelConfig, tensor: messages.Message, kind: str) -> None:
    """A dimension is 1 or more, or -1."""
    for index, size in enumerate(tensor.dims):
        if size < 1 and size != VARIABLE:
            raise ConfigError(
                f"model {kind} '{tensor.name}' dimension must be integer >= 1, or -1 to indicate a variable-size"
                " dimension",
                field=("dims", index),
                write="-1 where the size varies",
            )


def reshape_is_sizes(config: messages.ModelConfig, tensor: messages.Message, kind: str) -> None:
    """A dimension of reshape is 1 or more, or -1."""
    for index, size in enumerate(tensor.reshape.shape):
        if size < 1 and size != VARIABLE:
            raise ConfigError(
                f"model {kind} '{tensor.name}' reshape dimensions must be integer >= 1, or -1 to indicate a"
                " variable-size dimension",
                field=("reshape", "shape", index),
                write="-1 where the size varies",
            )


def reshaped_can_be_counted(config: messages.ModelConfig, tensor: messages.Message, kind: str) -> None:
    """The elements of a tensor with a reshape can be counted."""
    if tensor.HasField("reshape"):
        for field, dims in (("dims", tensor.dims), ("reshape", tensor.reshape.shape)):
            _count(dims, f"{tensor.name} {field}", (field,))


def reshape_keeps_elements(config: messages.ModelConfig, tensor: messages.Message, kind: str) -> None:
    """Reshape keeps the number of elements, and each group between variable dimensions its own."""
    if not tensor.HasField("reshape"):
        return
    dims, shape = _groups(tensor.dims), _groups(tensor.reshape.shape)
    varies = len(dims) > 1
    sizes_differ = ConfigError(
        f"model {kind} '{tensor.name}' has different size for dims and reshape",
        field=("reshape",),
        expected="as many elements as dims has",
    )
    if varies != (len(shape) > 1):
        raise sizes_differ
    if len(dims) != len(shape):
        raise ConfigError(
            f"model {kind} '{tensor.name}' has different number of variable-size dimensions for dims and reshape",
            field=("reshape",),
            expected="one -1 for each -1 of dims",
        )
    if dims != shape:
        raise sizes_differ


def image_format_has_three_dims(config: messages.ModelConfig, tensor: messages.Message, kind: str) -> None:
    """NHWC and NCHW images have three dimensions beside the batch."""
    if kind == "input" and tensor.format != messages.ModelInput.FORMAT_NONE and len(tensor.dims) != 3:
        raise ConfigError("model input NHWC/NCHW require 3 dims", field=("format",), write="format: FORMAT_NONE")


def shape_tensor_is_tensorrt(config: messages.ModelConfig, tensor: messages.Message, kind: str) -> None:
    """Shape tensors are TensorRT's."""
    if tensor.is_shape_tensor and config.platform != TENSORRT_PLATFORM:
        raise ConfigError("shape tensors are only supported for TensorRT platform", field=("is_shape_tensor",))


def non_linear_is_tensorrt(config: messages.ModelConfig, tensor: messages.Message, kind: str) -> None:
    """Non-linear formats are TensorRT's, and have three dimensions."""
    if not tensor.is_non_linear_format_io:
        return
    field = ("is_non_linear_format_io",)
    if config.platform != TENSORRT_PLATFORM:
        raise ConfigError("Non-linear IO format is only supported for the TensorRT platform", field=field)
    if len(tensor.dims) != 3:
        raise ConfigError(f"Non-linear IO format {kind} requires 3 dims", field=field)


def check_sizes(config: messages.ModelConfig) -> None:
    """Check that the elements of every input can be counted: schedulers have to. Raises ConfigError."""
    for index, tensor in enumerate(config.input):
        _count(tensor.dims, tensor.name, ("input", index, "dims"))


def _count(dims: list[int], name: str, field: FieldPath) -> None:
    try:
        element_count(dims, name)
    except ConfigError as error:
        error.field = field
        raise


def _groups(shape: list[int]) -> list[int]:
    """Count the elements of each group of dimensions between variable ones: [2, 4, -1, 6] -> [8, 6]."""
    groups: list[list[int]] = [[]]
    for size in shape:
        if size == VARIABLE:
            groups.append([])
        else:
            groups[-1].append(size)
    return [prod(group) for group in groups]


_RULES = (
    has_name,
    has_data_type,
    has_dims,
    not_empty_without_batch,
    dims_are_sizes,
    reshape_is_sizes,
    reshaped_can_be_counted,
    reshape_keeps_elements,
    image_format_has_three_dims,
    shape_tensor_is_tensorrt,
    non_linear_is_tensorrt,
)
