"""Models that differ in nothing but their names: what was found out of one holds for the others.

Checking a configuration and completing it takes longer than opening a small ONNX file, and repositories may have
thousands of files that were exported in the same way.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from triton_lite.config.backends import ONNXRUNTIME
from triton_lite.proto import messages
from triton_lite.repository.source import ModelSource, ReadConfig

_MOST_KNOWN = 256

Likeness = tuple[bytes, bool, bool]
"""A configuration without its name, and where it came from: with equal ones it is the same that is valid."""


def likeness_of(config: messages.ModelConfig, source: ModelSource, read: ReadConfig) -> Likeness | None:
    """Tell what a model has in common with others; None where its name or further files count, too.

    config: with all defaults that need neither the model's file nor this machine.
    """
    if config.backend != ONNXRUNTIME or config.runtime or config.HasField("ensemble_scheduling"):
        return None
    # Samples may take long, which would hold others up; some metrics are warned of.
    if config.model_warmup or config.model_metrics.metric_control:
        return None
    unnamed = messages.ModelConfig()
    unnamed.CopyFrom(config)
    unnamed.ClearField("name")
    return unnamed.SerializeToString(), read.provided, bool(source.bare_file)


@dataclass(frozen=True)
class Example:
    """A version that was loaded: its complete configuration and specification, and the signature of its file."""

    config: messages.ModelConfig
    spec: Any  # _native.ModelSpec
    signature: Any  # _native.ModelSignature


class Examples:
    """What is known to be valid, with an example where there is one. Thread-safe."""

    def __init__(self) -> None:
        self._known: dict[Likeness, Example | None] = {}

    def is_valid(self, likeness: Likeness | None) -> bool:
        """Tell whether such a configuration was found valid by itself."""
        return likeness in self._known

    def find(self, likeness: Likeness | None) -> Example | None:
        """Return a version that was loaded with such a configuration."""
        return self._known.get(likeness) if likeness is not None else None

    def add(self, likeness: Likeness | None, example: Example | None = None) -> None:
        """Remember that such a configuration is valid, and the version that was loaded with it last."""
        if likeness is None:
            return
        if len(self._known) >= _MOST_KNOWN and likeness not in self._known:
            self._known = {}
        self._known[likeness] = example
