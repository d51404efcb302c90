"""Rules between a configuration and the signature of the model's own file: one rule, one function."""

from __future__ import annotations

from collections.abc import Sequence

from triton_lite.config import datatypes
from triton_lite.config.error import ConfigError
from triton_lite.config.signature import Signature, SignatureTensor, shape_text
from triton_lite.errors import Code
from triton_lite.proto import messages

_VARIABLE = -1
_FLAGS = {"int32_false_true": "TYPE_INT32", "fp32_false_true": "TYPE_FP32", "bool_false_true": "TYPE_BOOL"}

# In the order in which Triton looks for them.
_CONTROL_KINDS = ("CONTROL_SEQUENCE_START", "CONTROL_SEQUENCE_END", "CONTROL_SEQUENCE_READY", "CONTROL_SEQUENCE_CORRID")

# Types that ONNX Runtime names in its own way.
_ONNX_NAMES = {"BYTES": "STRING", "FP16": "FLOAT16", "FP32": "FLOAT", "FP64": "DOUBLE", "BF16": "BFLOAT16"}


def check_signature(config: messages.ModelConfig, signature: Signature) -> None:
    """Check that the file has the inputs and outputs that the configuration promises. Raises ConfigError."""
    if not signature.known:
        return
    for rule in (controls_fit, input_count_fits, inputs_fit, outputs_fit):
        rule(config, signature)


def controls_fit(config: messages.ModelConfig, signature: Signature) -> None:
    """Each sequence control is an input of the file, of shape [1] and of the right type."""
    inputs = {tensor.name: tensor for tensor in signature.inputs}
    for control, datatype, index in _controls(config):
        field = ("sequence_batching", "control_input", index)
        stated = inputs.get(control)
        if stated is None:
            raise ConfigError(
                f"configuration specified sequence control '{control}', but model does not provide that input",
                code=Code.INTERNAL,
                field=field,
            )
        dims = list(stated.dims[1 if config.max_batch_size > 0 else 0 :])
        if dims != [1]:
            raise ConfigError(
                f"unable to load model '{config.name}', sequence control '{control}' in model has dims"
                f" {shape_text(dims)} but dims [1] is expected",
                field=field,
            )
        if datatypes.number(datatype) != stated.datatype:
            raise ConfigError(
                f"unable to load model '{config.name}', sequence control '{control}', the model expects data-type"
                f" {_onnx_name(stated.datatype)} but the model configuration specifies data-type"
                f" {datatype}",
                field=field,
            )


def input_count_fits(config: messages.ModelConfig, signature: Signature) -> None:
    """The configuration accounts for every input that the file requires."""
    expected = sum(not tensor.optional for tensor in config.input) + len(config.batch_input)
    expected += len(_controls(config)) + len(config.sequence_batching.state)
    provided = sum(not tensor.optional for tensor in signature.inputs)
    if expected != provided:
        raise ConfigError(
            f"unable to load model '{config.name}', configuration expects {expected} inputs, model provides {provided}",
            field=("input",),
            expected="the inputs " + ", ".join(tensor.name for tensor in signature.inputs),
        )


def inputs_fit(config: messages.ModelConfig, signature: Signature) -> None:
    """Each input has the type and the shape that the file has."""
    stated = {tensor.name: tensor for tensor in signature.inputs}
    for index, tensor in enumerate(config.input):
        field = ("input", index)
        if tensor.optional and config.max_batch_size:
            raise ConfigError(
                f"unable to load model '{config.name}', optional input '{tensor.name}' is not supported for models"
                " that support batching",
                field=(*field, "optional"),
                write="max_batch_size: 0, or an input that is not optional",
            )
        _check_known(tensor.name, stated, "input", field)
        _check_type(config, tensor, stated[tensor.name], "input", field)
        if tensor.optional and tensor.allow_ragged_batch:
            raise ConfigError(
                f"unable to load model '{config.name}', configuration expects model provides input with shape [-1] for"
                f" ragged input '{tensor.name}', which is not supported for optional input",
                field=(*field, "allow_ragged_batch"),
                write="allow_ragged_batch: false",
            )
        if tensor.allow_ragged_batch:
            _check_ragged(config, tensor, stated[tensor.name], field)
        else:
            _check_shape(config, tensor, stated[tensor.name], "input", field)


def outputs_fit(config: messages.ModelConfig, signature: Signature) -> None:
    """Each output has the type and exactly the shape that the file has."""
    stated = {tensor.name: tensor for tensor in signature.outputs}
    scattered = {name for entry in config.batch_output for name in entry.target_name}
    for index, tensor in enumerate(config.output):
        field = ("output", index)
        _check_known(tensor.name, stated, "output", field)
        _check_type(config, tensor, stated[tensor.name], "output", field)
        if tensor.name not in scattered:
            _check_shape(config, tensor, stated[tensor.name], "output", field)


def _controls(config: messages.ModelConfig) -> list[tuple[str, str, int]]:
    """List the sequence controls by kind, each with its tensor, its type and the index of its control_input."""
    controls = []
    for kind in _CONTROL_KINDS:
        for index, tensor in enumerate(config.sequence_batching.control_input):
            for control in tensor.control:
                if control.kind == getattr(messages.ModelSequenceBatching.Control, kind):
                    given = next((name for field, name in _FLAGS.items() if getattr(control, field)), None)
                    controls.append((tensor.name, given or datatypes.config_name(control.data_type), index))
    return controls


def _onnx_name(datatype: int) -> str:
    name = datatypes.protocol_name(datatype)
    return _ONNX_NAMES.get(name, name)


def _check_known(name: str, stated: dict[str, SignatureTensor], kind: str, field: tuple[str | int, ...]) -> None:
    if name not in stated:
        raise ConfigError(
            f"unexpected inference {kind} '{name}', allowed {kind}s are: {', '.join(sorted(stated))}",
            field=(*field, "name"),
        )


def _check_type(
    config: messages.ModelConfig,
    tensor: messages.Message,
    stated: SignatureTensor,
    kind: str,
    field: tuple[str | int, ...],
) -> None:
    if tensor.data_type != stated.datatype:
        raise ConfigError(
            f"unable to load model '{config.name}', configuration expects datatype"
            f" {datatypes.config_name(tensor.data_type)} for {kind} '{tensor.name}', model provides"
            f" TYPE_{datatypes.protocol_name(stated.datatype)}",
            field=(*field, "data_type"),
            write=f"data_type: {datatypes.config_name(stated.datatype)}",
        )


def _check_ragged(
    config: messages.ModelConfig, tensor: messages.Message, stated: SignatureTensor, field: tuple[str | int, ...]
) -> None:
    if list(stated.dims) != [_VARIABLE]:
        raise ConfigError(
            f"unable to load model '{config.name}', configuration expects model provides input with shape [-1]  for"
            f" ragged input '{tensor.name}', model provides {shape_text(stated.dims)}",
            field=(*field, "allow_ragged_batch"),
            write="allow_ragged_batch: false",
        )


def _check_shape(
    config: messages.ModelConfig,
    tensor: messages.Message,
    stated: SignatureTensor,
    kind: str,
    field: tuple[str | int, ...],
) -> None:
    """Compare shapes. Inputs may be narrower than the file, where its dimension varies; outputs may not."""
    dims = list(tensor.reshape.shape if tensor.HasField("reshape") else tensor.dims)
    shape = list(stated.dims)
    if not shape:
        _check_scalar(config, tensor, dims, field)
        return
    full = dims
    detail = ""
    if config.max_batch_size > 0:
        if shape[0] != _VARIABLE:
            raise ConfigError(
                f"model '{config.name}', tensor '{tensor.name}': for the model to support batching the shape should"
                " have at least 1 dimension and the first dimension must be -1; but shape expected by the model is"
                f" {shape_text(shape)}",
                field=("max_batch_size",),
                write="max_batch_size: 0, and dims with every dimension",
            )
        full = [_VARIABLE, *dims]
        detail = (
            "an initial batch dimension because max_batch_size > 0 followed by the explicit tensor shape, making"
            " complete "
        )
    if not _shapes_fit(shape, full, exact=kind == "output"):
        wanted = shape[len(full) - len(dims) :]
        raise ConfigError(
            f"model '{config.name}', tensor '{tensor.name}': the model expects {len(shape)} dimensions (shape"
            f" {shape_text(shape)}) but the model configuration specifies {len(full)} dimensions"
            f" ({detail}shape {shape_text(full)})",
            field=(*field, "dims"),
            write=f"dims: {wanted}",
        )


def _shapes_fit(stated: Sequence[int], configured: Sequence[int], *, exact: bool) -> bool:
    if len(stated) != len(configured):
        return False
    return all(
        theirs == ours or (theirs == _VARIABLE and not exact) for theirs, ours in zip(stated, configured, strict=True)
    )


def _check_scalar(
    config: messages.ModelConfig, tensor: messages.Message, dims: Sequence[int], field: tuple[str | int, ...]
) -> None:
    if any(size != 1 for size in dims):
        raise ConfigError(
            f"unable to load model '{config.name}', scalar tensor '{tensor.name}', should only provide 1 in the model"
            " configuration when the model doesn't support batching. Model configuration provided:"
            f" {shape_text(dims)}.",
            field=(*field, "dims"),
            write="dims: [ 1 ]",
        )
