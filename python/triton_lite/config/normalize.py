"""Fills what a configuration leaves open with the defaults that Triton shows."""

from __future__ import annotations

from collections.abc import Collection

from triton_lite.config.backends import ONNXRUNTIME
from triton_lite.proto import messages

_SEQUENCE_IDLE_DEFAULT_MICROSECONDS = 1_000_000

# Backends that run two instances on a CPU unless told otherwise.
_DEFAULT_CPU_INSTANCES = {"tensorflow": 2, ONNXRUNTIME: 2}


def normalize(config: messages.ModelConfig) -> None:
    """Fill the defaults that need no knowledge of the model's file or of the machine."""
    if not config.HasField("version_policy"):
        config.version_policy.latest.num_versions = 1
    if config.HasField("dynamic_batching"):
        _prefer_largest(config, config.dynamic_batching.preferred_batch_size)
    if config.HasField("sequence_batching"):
        sequences = config.sequence_batching
        if not sequences.max_sequence_idle_microseconds:
            sequences.max_sequence_idle_microseconds = _SEQUENCE_IDLE_DEFAULT_MICROSECONDS
        if sequences.HasField("oldest"):
            _prefer_largest(config, sequences.oldest.preferred_batch_size)
    if not config.HasField("ensemble_scheduling"):
        for field in ("input_pinned_memory", "output_pinned_memory"):
            if not config.optimization.HasField(field):
                getattr(config.optimization, field).enable = True


def normalize_instance_groups(config: messages.ModelConfig, gpus: Collection[int]) -> None:
    """Give the model its instance groups: names, kinds, counts and devices. gpus: the devices of this machine."""
    if config.HasField("ensemble_scheduling"):
        return
    if not config.instance_group:
        config.instance_group.add(name=config.name)
    kinds = messages.ModelInstanceGroup
    for index, group in enumerate(config.instance_group):
        if not group.name:
            group.name = f"{config.name}_{index}"
        if group.kind == kinds.KIND_AUTO:
            on_gpu = bool(gpus) and all(gpu in gpus for gpu in group.gpus)
            group.kind = kinds.KIND_GPU if on_gpu else kinds.KIND_CPU
        if group.count < 1:
            on_cpu = group.kind == kinds.KIND_CPU
            group.count = _DEFAULT_CPU_INSTANCES.get(config.backend, 1) if on_cpu else 1
        if group.kind == kinds.KIND_GPU and not group.gpus:
            group.gpus.extend(sorted(gpus))


def _prefer_largest(config: messages.ModelConfig, preferred: list[int]) -> None:
    if not preferred and config.max_batch_size > 0:
        preferred.append(config.max_batch_size)
