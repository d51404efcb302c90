"""Rules of batch_input and batch_output."""

from __future__ import annotations

from triton_lite.config import datatypes
from triton_lite.config.error import ConfigError, FieldPath
from triton_lite.proto import messages


def batch_inputs_are_valid(config: messages.ModelConfig) -> None:
    """A batch input is INT32 or FP32 and made from one input of the model."""
    inputs = {tensor.name for tensor in config.input}
    for index, entry in enumerate(config.batch_input):
        field = ("batch_input", index)
        _check_kind(config, entry, "batch input kind", field)
        if datatypes.config_name(entry.data_type) not in ("TYPE_INT32", "TYPE_FP32"):
            raise ConfigError(
                f"batch input data type must be TYPE_INT32 or TYPE_FP32 for {config.name}",
                field=(*field, "data_type"),
                write="data_type: TYPE_FP32",
            )
        _check_sources(config, entry, inputs, field)


def batch_outputs_are_valid(config: messages.ModelConfig) -> None:
    """A batch output names outputs of the model, each once, and one input that says how it is cut."""
    inputs = {tensor.name for tensor in config.input}
    outputs = {tensor.name for tensor in config.output}
    for index, entry in enumerate(config.batch_output):
        field = ("batch_output", index)
        _check_kind(config, entry, "batch output kind", field)
        _check_sources(config, entry, inputs, field)
        seen = set()
        for at, target in enumerate(entry.target_name):
            where = (*field, "target_name", at)
            if target not in outputs:
                raise ConfigError(f"unknown target output name '{target}' for {config.name}", field=where)
            if target in seen:
                raise ConfigError(
                    f"target output name '{target}' can only be specified once for {config.name}", field=where
                )
            seen.add(target)


def _check_kind(config: messages.ModelConfig, entry: messages.Message, what: str, field: FieldPath) -> None:
    """Check that the kind is known, and has its one source: all that there are have one."""
    kind = entry.DESCRIPTOR.enum_types_by_name["Kind"].values_by_number.get(entry.kind)
    if kind is None:
        raise ConfigError(f"unknown {what} '' for {config.name}", field=(*field, "kind"))
    if len(entry.source_input) != 1:
        raise ConfigError(
            f"{what} '{kind.name}' expects 1 source input, got {len(entry.source_input)} for {config.name}",
            field=(*field, "source_input"),
            write='source_input: "…", once',
        )


def _check_sources(config: messages.ModelConfig, entry: messages.Message, inputs: set[str], field: FieldPath) -> None:
    for source in entry.source_input:
        if source not in inputs:
            raise ConfigError(
                f"unknown source input name '{source}' for {config.name}",
                field=(*field, "source_input"),
                expected="one of " + ", ".join(sorted(inputs)),
            )


BATCH_IO_RULES = (batch_inputs_are_valid, batch_outputs_are_valid)
