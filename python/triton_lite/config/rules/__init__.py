"""The rules of a model's configuration: one rule, one function, which raises ConfigError with Triton's text.

A rule looks at nothing but the configuration. `check` runs them in the order in which Triton does, so that a
configuration that breaks several is refused with the same text.
"""

from __future__ import annotations

from collections.abc import Sequence

from triton_lite.config.backends import TRITON_DIRECTORY
from triton_lite.config.rules.batch_io import BATCH_IO_RULES
from triton_lite.config.rules.batching import BATCHING_RULES
from triton_lite.config.rules.batching_strategy import check_batching_strategy
from triton_lite.config.rules.ensemble import ENSEMBLE_RULES
from triton_lite.config.rules.general import CLOSING_RULES, GENERAL_RULES, configuration_is_given
from triton_lite.config.rules.instances import check_instance_groups
from triton_lite.config.rules.runtime import runtime_is_here
from triton_lite.config.rules.sequence import SEQUENCE_RULES
from triton_lite.config.rules.states import check_states
from triton_lite.config.rules.tensors import check_sizes, check_tensors
from triton_lite.config.rules.values import values_have_names
from triton_lite.config.rules.warmup import check_warmup
from triton_lite.proto import messages

_CONFIG_RULES = (*GENERAL_RULES, *BATCHING_RULES, *SEQUENCE_RULES, *ENSEMBLE_RULES, *CLOSING_RULES)

__all__ = ["check_config", "check_given", "check_instance_groups", "check_io", "check_runtime", "check_serving"]


def check_config(config: messages.ModelConfig) -> None:
    """Check everything but inputs, outputs and instances. Raises ConfigError."""
    for rule in _CONFIG_RULES:
        rule(config)


def check_runtime(
    config: messages.ModelConfig, folders: Sequence[str] = (), backend_directory: str = TRITON_DIRECTORY
) -> None:
    """Check what only matters when a version is loaded. Raises ConfigError.

    folders: of the version and of the model, where Triton looks for libraries before it looks in the backend's.
    """
    runtime_is_here(config, folders, backend_directory)


def check_given(config: messages.ModelConfig, *, provided: bool, completed: bool) -> None:
    """Check that there is a configuration at all, once the model's file was asked. Raises ConfigError.

    provided: there is a configuration file; completed: the model's file told its inputs and outputs.
    """
    configuration_is_given(config, provided, completed)


def check_io(config: messages.ModelConfig) -> None:
    """Check inputs and outputs, after they were completed. Raises ConfigError."""
    check_tensors(config)
    for rule in BATCH_IO_RULES:
        rule(config)


def check_serving(config: messages.ModelConfig, model_directory: str) -> None:
    """Check what instances and schedulers of a version ask for: the last of all checks. Raises ConfigError.

    model_directory: the folder of the model, which holds its versions.
    """
    values_have_names(config)
    if config.HasField("ensemble_scheduling"):
        return
    check_batching_strategy(config, model_directory)
    check_warmup(config)
    check_sizes(config)
    check_states(config)
