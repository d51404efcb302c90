"""What the data plane gets of a complete configuration: `_native.ModelSpec`, field by field."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from triton_lite.config.backends import ENSEMBLE
from triton_lite.config.scheduler_spec import batch_input, batch_output, rate_limiter, scheduler
from triton_lite.proto import messages


@dataclass(frozen=True)
class VersionFiles:
    """Where one version of a model lies."""

    version: int
    directory: str  # Absolute path of MODEL/VERSION.
    model_file: str  # Absolute path of the model's file or folder inside it.


def opening_spec(
    native: Any, config: messages.ModelConfig, files: VersionFiles, backend_config: Mapping[str, str]
) -> Any:
    """Make a spec that is complete enough to open the model's file; tensors may be missing."""
    spec = native.ModelSpec()
    spec.name = config.name
    spec.version = files.version
    spec.platform = config.platform or config.backend
    spec.backend = "" if config.platform == ENSEMBLE else config.backend
    spec.version_directory = files.directory
    spec.model_file = files.model_file
    spec.max_batch_size = config.max_batch_size
    spec.parameters = {key: value.string_value for key, value in config.parameters.items()}
    spec.backend_config = dict(backend_config)
    spec.graph_optimization_level = config.optimization.graph.level
    spec.eager_batching = config.optimization.eager_batching
    accelerators = config.optimization.execution_accelerators
    spec.gpu_execution_accelerators = [_accelerator(native, one) for one in accelerators.gpu_execution_accelerator]
    spec.cpu_execution_accelerators = [_accelerator(native, one) for one in accelerators.cpu_execution_accelerator]
    spec.instance_groups = [_instance_group(native, group) for group in config.instance_group]
    return spec


def alike_spec(spec: Any, config: messages.ModelConfig, files: VersionFiles) -> Any:
    """Make the spec of a version whose complete configuration is that of `spec`, but for names."""
    groups = [group.name for group in config.instance_group]
    return spec.alike(config.name, files.version, files.directory, files.model_file, groups)


def model_spec(
    native: Any,
    config: messages.ModelConfig,
    files: VersionFiles,
    backend_config: Mapping[str, str],
    labels: Mapping[str, Sequence[str]],
) -> Any:
    """Make the spec of one version of a model. labels: by name of the output."""
    spec = opening_spec(native, config, files, backend_config)
    complete(native, spec, config, labels)
    return spec


def complete(native: Any, spec: Any, config: messages.ModelConfig, labels: Mapping[str, Sequence[str]]) -> None:
    """Add to an opening spec what it lacks, and what the model's file completed in the configuration."""
    spec.max_batch_size = config.max_batch_size
    spec.decoupled = config.model_transaction_policy.decoupled
    spec.inputs = [_input(native, tensor) for tensor in config.input]
    spec.outputs = [_output(native, tensor, labels.get(tensor.name, ())) for tensor in config.output]
    spec.scheduler = scheduler(native, config)
    spec.response_cache = config.response_cache.enable
    if config.batch_input:
        spec.batch_input = [batch_input(native, one) for one in config.batch_input]
    if config.batch_output:
        spec.batch_output = [batch_output(native, one) for one in config.batch_output]
    if config.model_warmup:
        spec.model_warmup = [_warmup(native, sample) for sample in config.model_warmup]


def _tensor(native: Any, tensor: messages.Message) -> Any:
    spec = native.TensorSpec()
    spec.name = tensor.name
    spec.datatype = tensor.data_type
    spec.dims = list(tensor.dims)
    spec.reshape = list(tensor.reshape.shape) if tensor.HasField("reshape") else None
    spec.is_shape_tensor = tensor.is_shape_tensor
    spec.is_non_linear_format_io = tensor.is_non_linear_format_io
    return spec


def _input(native: Any, tensor: messages.Message) -> Any:
    spec = _tensor(native, tensor)
    spec.optional = tensor.optional
    spec.allow_ragged_batch = tensor.allow_ragged_batch
    return spec


def _output(native: Any, tensor: messages.Message, labels: Sequence[str]) -> Any:
    spec = _tensor(native, tensor)
    spec.labels = list(labels)
    return spec


def _accelerator(native: Any, accelerator: messages.Message) -> Any:
    spec = native.ExecutionAcceleratorSpec()
    spec.name = accelerator.name
    spec.parameters = dict(accelerator.parameters)
    return spec


def _instance_group(native: Any, group: messages.Message) -> Any:
    spec = native.InstanceGroupSpec()
    spec.name = group.name
    spec.kind = group.kind
    spec.count = group.count
    spec.gpus = list(group.gpus)
    spec.passive = group.passive
    if group.HasField("rate_limiter"):
        spec.rate_limiter = rate_limiter(native, group.rate_limiter)
    return spec


_WARMUP_DATA = {None: 0, "zero_data": 1, "random_data": 2, "input_data_file": 3}  # WarmupData of core/model_spec.h.


def _warmup(native: Any, sample: messages.Message) -> Any:
    spec = native.WarmupSpec()
    spec.name = sample.name
    spec.batch_size = sample.batch_size
    spec.count = sample.count
    spec.inputs = [_warmup_input(native, name, tensor) for name, tensor in sorted(sample.inputs.items())]
    return spec


def _warmup_input(native: Any, name: str, tensor: messages.Message) -> Any:
    spec = native.WarmupInputSpec()
    spec.name = name
    spec.datatype = tensor.data_type
    spec.dims = list(tensor.dims)
    spec.data = _WARMUP_DATA[tensor.WhichOneof("input_data_type")]
    spec.input_data_file = tensor.input_data_file
    return spec
