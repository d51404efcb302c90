"""What is served: metadata of the server and of models, and their configurations."""

from __future__ import annotations

from functools import cache

from triton_lite.config.datatypes import protocol_name
from triton_lite.engine.handlers.handler import Context, of_messages
from triton_lite.engine.handlers.version import parse_version
from triton_lite.engine.state import VersionStatus
from triton_lite.errors import Code, TritonError
from triton_lite.proto import MethodNumber, messages
from triton_lite.version import version as package_version

EXTENSIONS = (
    "classification",
    "sequence",
    "model_repository",
    "model_repository(unload_dependents)",
    "schedule_policy",
    "model_configuration",
    "system_shared_memory",
    "cuda_shared_memory",
    "binary_tensor_data",
    "parameters",
    "statistics",
    "trace",
    "logging",
)


_server_version = cache(package_version)


def server_metadata(context: Context, request: messages.ServerMetadataRequest) -> messages.ServerMetadataResponse:
    """Name, version and extensions of the server."""
    return messages.ServerMetadataResponse(name=context.options.id, version=_server_version(), extensions=EXTENSIONS)


def model_metadata(context: Context, request: messages.ModelMetadataRequest) -> messages.ModelMetadataResponse:
    """Versions, platform, inputs and outputs of a model. Raises TritonError(NOT_FOUND) for one that is not served."""
    version = parse_version(request.version)
    config = _config(context.lifecycle.table.served(context.lifecycle.key_of(request.name), version))
    versions = (
        [version] if version != -1 else context.lifecycle.table.ready_versions(context.lifecycle.key_of(request.name))
    )
    metadata = messages.ModelMetadataResponse(
        name=request.name,
        versions=[str(one) for one in versions],
        platform=config.platform or config.backend,
    )
    batch = [-1] if config.max_batch_size > 0 else []
    for shown, tensors in ((metadata.inputs, config.input), (metadata.outputs, config.output)):
        for tensor in tensors:
            shape = [*batch, *tensor.dims]
            shown.add(name=tensor.name, datatype=protocol_name(tensor.data_type), shape=shape)
    return metadata


def model_config(context: Context, request: messages.ModelConfigRequest) -> messages.ModelConfigResponse:
    """The complete configuration of a model. Raises TritonError(NOT_FOUND) for one that is not served."""
    version = parse_version(request.version)
    return messages.ModelConfigResponse(
        config=_config(context.lifecycle.table.served(context.lifecycle.key_of(request.name), version))
    )


def _config(status: VersionStatus) -> messages.ModelConfig:
    if status.config is None:
        raise TritonError(Code.INTERNAL, "a version is ready without a configuration")
    return status.config


HANDLERS = {
    MethodNumber.SERVER_METADATA: of_messages("ServerMetadata", server_metadata),
    MethodNumber.MODEL_METADATA: of_messages("ModelMetadata", model_metadata),
    MethodNumber.MODEL_CONFIG: of_messages("ModelConfig", model_config),
}
