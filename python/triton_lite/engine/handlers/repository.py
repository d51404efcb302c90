"""The model repository extension: what there is, loaded or not; load and unload."""

from __future__ import annotations

from triton_lite.engine.handlers.handler import Context, of_messages
from triton_lite.engine.state import State
from triton_lite.errors import Code, TritonError
from triton_lite.proto import MethodNumber, messages
from triton_lite.repository import scan
from triton_lite.repository.override import FILE_PREFIX, Override


def repository_index(context: Context, request: messages.RepositoryIndexRequest) -> messages.RepositoryIndexResponse:
    """List every model of the repositories, and functions, with the state of each version that was ever loaded.

    Protocol: model repository extension, index. Raises TritonError(UNIMPLEMENTED) when a repository is named.
    """
    _refuse_repository(request.repository_name)
    states = context.lifecycle.table.states()
    index = messages.RepositoryIndexResponse()
    for name, key, is_unique in _models(context):
        if not is_unique:
            index.models.add(name=name, state=State.UNAVAILABLE.value, reason=scan.NOT_UNIQUE)
        elif key not in states:
            if not request.ready:
                index.models.add(name=name)
        else:
            for version, status in states[key].items():
                if not request.ready or status.state is State.READY:
                    number = str(version) if version >= 0 else ""  # Of a folder with an odd name.
                    index.models.add(name=name, version=number, state=status.state.value, reason=status.reason)
    return index


def load(context: Context, request: messages.RepositoryModelLoadRequest) -> messages.RepositoryModelLoadResponse:
    """Load or reload a model. Protocol: model repository extension, load. Raises TritonError."""
    _refuse_repository(request.repository_name)
    config = None
    files = {}
    for name, value in request.parameters.items():
        kind = "string_param" if name == "config" else "bytes_param"
        if name != "config" and not name.startswith(FILE_PREFIX):
            raise TritonError(Code.INVALID_ARGUMENT, f"unrecognized load parameter '{name}'.")
        if value.WhichOneof("parameter_choice") != kind:
            raise TritonError(
                Code.INVALID_ARGUMENT, f"invalid value type for load parameter '{name}', expected {kind}."
            )
        if name == "config":
            config = value.string_param
        else:
            files[name.removeprefix(FILE_PREFIX)] = value.bytes_param
    context.lifecycle.load(request.model_name, Override(config, files))
    return messages.RepositoryModelLoadResponse()


def unload(context: Context, request: messages.RepositoryModelUnloadRequest) -> messages.RepositoryModelUnloadResponse:
    """Stop serving a model. Protocol: model repository extension, unload. Raises TritonError."""
    _refuse_repository(request.repository_name)
    dependents = False
    for name, value in request.parameters.items():
        if name != "unload_dependents":
            continue
        if value.WhichOneof("parameter_choice") != "bool_param":
            raise TritonError(
                Code.INVALID_ARGUMENT,
                "invalid value type for 'unload_dependents' parameter, expected bool_param.",
            )
        dependents = value.bool_param
    context.lifecycle.unload(request.model_name, dependents=dependents)
    return messages.RepositoryModelUnloadResponse()


def _refuse_repository(name: str) -> None:
    if name:
        raise TritonError(Code.UNIMPLEMENTED, "'repository_name' specification is not supported")


def _models(context: Context) -> list[tuple[str, str, bool]]:
    """List the models of the repositories, and functions: name, key, and whether nothing else has that key."""
    models = []
    found = scan.scan(context.options.model_repository)
    found |= {name: [source] for name, source in context.lifecycle.declared.items()}
    for name, sources in sorted(found.items()):
        if context.options.model_namespacing:
            models += [(name, f"{source.repository}::{name}", True) for source in sources]
        else:
            models.append((name, name, len(sources) == 1))
    return models


HANDLERS = {
    MethodNumber.REPOSITORY_INDEX: of_messages("RepositoryIndex", repository_index, slow=True),
    MethodNumber.REPOSITORY_MODEL_LOAD: of_messages("RepositoryModelLoad", load, slow=True),
    MethodNumber.REPOSITORY_MODEL_UNLOAD: of_messages("RepositoryModelUnload", unload, slow=True),
}
