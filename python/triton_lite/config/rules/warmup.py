"""Rules of warm-up samples that need nothing but the configuration."""

from __future__ import annotations

from triton_lite.config.error import ConfigError
from triton_lite.config.rules.sizes import VARIABLE, byte_size
from triton_lite.proto import messages


def check_warmup(config: messages.ModelConfig) -> None:
    """Check the inputs of every sample that will run. Raises ConfigError."""
    for index, sample in enumerate(config.model_warmup):
        if sample.batch_size == 0:
            continue  # Triton skips it.
        for rule in (sizes_are_given, data_is_given):
            for name, tensor in sorted(sample.inputs.items()):
                try:
                    rule(name, tensor)
                except ConfigError as error:
                    error.field = ("model_warmup", index, "inputs")
                    raise


def sizes_are_given(name: str, tensor: messages.Message) -> None:
    """An input of a sample has a type and sizes."""
    if byte_size(tensor.data_type, tensor.dims, name) == VARIABLE:
        raise ConfigError(
            f"warmup setting expects all variable-size dimensions are specified for input '{name}'",
            expected=f"data_type, and dims without -1, for '{name}'",
        )


def data_is_given(name: str, tensor: messages.Message) -> None:
    """An input of a sample says where its data come from."""
    if tensor.WhichOneof("input_data_type") is None:
        raise ConfigError(
            f"[request id: <id_unknown>] warmup setting expects input '{name}' to have input_data_type set",
            write=f"zero_data: true, random_data: true or input_data_file for '{name}'",
        )
