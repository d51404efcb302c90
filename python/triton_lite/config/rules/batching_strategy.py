"""Rules of TRITON_BATCH_STRATEGY_PATH, the parameter that names a library with a batching strategy."""

from __future__ import annotations

import os

from triton_lite.config.error import ConfigError
from triton_lite.errors import Code
from triton_lite.proto import messages

_PARAMETER = "TRITON_BATCH_STRATEGY_PATH"
_FIELD = ("parameters",)


def check_batching_strategy(config: messages.ModelConfig, model_directory: str) -> None:
    """Refuse a batching strategy where Triton does, and every other one too: there is no way to run it here."""
    if _PARAMETER not in config.parameters:
        return
    if config.HasField("sequence_batching"):
        raise ConfigError(
            f"{_PARAMETER} cannot be specified with sequence batcher, using default batching strategy",
            field=_FIELD,
            write=f"no parameter {_PARAMETER}",
        )
    path = config.parameters[_PARAMETER].string_value
    inside = os.path.realpath(model_directory)
    if not f"{os.path.realpath(path)}/".startswith(f"{inside}/"):
        raise ConfigError("Batching library path escapes model repository.", field=_FIELD)
    if not os.path.exists(path):
        raise ConfigError(f"Batching library path not found: {path}", code=Code.NOT_FOUND, field=_FIELD)
    raise ConfigError(
        f"custom batching strategies are not supported, model '{config.name}' names {path}",
        code=Code.UNIMPLEMENTED,
        field=_FIELD,
        write="dynamic_batching with preferred_batch_size and max_queue_delay_microseconds",
    )
