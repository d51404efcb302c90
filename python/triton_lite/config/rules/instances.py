"""Rules of instance groups, after they were normalized for this machine."""

from __future__ import annotations

from collections.abc import Collection

from triton_lite.config.backends import TENSORRT_PLATFORM
from triton_lite.config.error import ConfigError
from triton_lite.errors import Code
from triton_lite.proto import messages

# As Triton prints it: the least that its releases support.
_COMPUTE_CAPABILITY = "6.000000"


def check_instance_groups(config: messages.ModelConfig, gpus: Collection[int]) -> None:
    """Check kinds, devices and profiles of every group. Raises ConfigError."""
    if config.HasField("ensemble_scheduling"):
        return
    for index, group in enumerate(config.instance_group):
        for rule in _RULES:
            try:
                rule(config, group, gpus)
            except ConfigError as error:
                error.field = ("instance_group", index, *error.field)
                raise


def kind_is_known(config: messages.ModelConfig, group: messages.Message, gpus: Collection[int]) -> None:
    """A kind that was given by number is one of those that there are."""
    kinds = messages.ModelInstanceGroup
    if group.kind not in (kinds.KIND_GPU, kinds.KIND_CPU, kinds.KIND_MODEL):
        raise ConfigError(
            f"instance group {group.name} of model {config.name} has unexpected kind KIND_AUTO",
            code=Code.INTERNAL,
            field=("kind",),
            write="kind: KIND_CPU",
        )


def devices_fit_kind(config: messages.ModelConfig, group: messages.Message, gpus: Collection[int]) -> None:
    """Only KIND_GPU names devices."""
    kinds = messages.ModelInstanceGroup
    for kind, what in ((kinds.KIND_MODEL, "KIND_MODEL"), (kinds.KIND_CPU, "KIND_CPU")):
        if group.kind == kind and group.gpus:
            raise ConfigError(
                f"instance group {group.name} of model {config.name} has kind {what} but specifies one or more GPUs",
                field=("gpus",),
                write="kind: KIND_GPU, or no gpus",
            )


def devices_exist(config: messages.ModelConfig, group: messages.Message, gpus: Collection[int]) -> None:
    """KIND_GPU runs on GPUs that this machine has."""
    if group.kind != messages.ModelInstanceGroup.KIND_GPU:
        return
    if not group.gpus:
        problem = "specifies no GPUs" if gpus else "no GPUs are available"
        raise ConfigError(
            f"instance group {group.name} of model {config.name} has kind KIND_GPU but {problem}",
            field=("kind",),
            write="kind: KIND_CPU",
        )
    for index, gpu in enumerate(group.gpus):
        if gpu not in gpus:
            raise ConfigError(
                f"instance group {group.name} of model {config.name} specifies invalid or unsupported gpu id {gpu}."
                " GPUs with at least the minimum required CUDA compute compatibility of"
                f" {_COMPUTE_CAPABILITY} are: {', '.join(str(known) for known in sorted(gpus))}",
                field=("gpus", index),
            )


def profiles_are_tensorrt(config: messages.ModelConfig, group: messages.Message, gpus: Collection[int]) -> None:
    """Optimization profiles are TensorRT's."""
    if group.profile and config.platform != TENSORRT_PLATFORM:
        raise ConfigError(
            f"instance group {group.name} of model {config.name} and platform {config.platform}"
            "specifies profile field which is only supported for TensorRT models",
            field=("profile",),
            write="no profile",
        )


_RULES = (kind_is_known, devices_fit_kind, devices_exist, profiles_are_tensorrt)
