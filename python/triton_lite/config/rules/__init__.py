"""The rules of a model's configuration: one rule, one function, which raises ConfigError with Triton's text.

A rule looks at nothing but the configuration. `check` runs them in the order in which Triton does, so that a
configuration that breaks several is refused with the same text.
"""

from __future__ import annotations

from triton_lite.config.rules.batch_io import BATCH_IO_RULES
from triton_lite.config.rules.batching import BATCHING_RULES
from triton_lite.config.rules.ensemble import ENSEMBLE_RULES
from triton_lite.config.rules.general import CLOSING_RULES, GENERAL_RULES, runtime_is_ours
from triton_lite.config.rules.instances import check_instance_groups
from triton_lite.config.rules.sequence import SEQUENCE_RULES
from triton_lite.config.rules.tensors import check_tensors
from triton_lite.proto import messages

_CONFIG_RULES = (*GENERAL_RULES, *BATCHING_RULES, *SEQUENCE_RULES, *ENSEMBLE_RULES, *CLOSING_RULES)

__all__ = ["check_config", "check_instance_groups", "check_io", "check_runtime"]


def check_config(config: messages.ModelConfig) -> None:
    """Check everything but inputs, outputs and instances. Raises ConfigError."""
    for rule in _CONFIG_RULES:
        rule(config)


def check_runtime(config: messages.ModelConfig) -> None:
    """Check what only matters when a version is loaded. Raises ConfigError."""
    runtime_is_ours(config)


def check_io(config: messages.ModelConfig) -> None:
    """Check inputs and outputs, after they were completed. Raises ConfigError."""
    check_tensors(config)
    for rule in BATCH_IO_RULES:
        rule(config)
