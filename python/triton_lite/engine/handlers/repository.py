"""What is in the repositories, loaded or not."""

from __future__ import annotations

from triton_lite.engine.handlers.handler import Context, of_messages
from triton_lite.engine.state import State
from triton_lite.errors import Code, TritonError
from triton_lite.proto import MethodNumber, messages
from triton_lite.repository import scan


def repository_index(context: Context, request: messages.RepositoryIndexRequest) -> messages.RepositoryIndexResponse:
    """List every model of the repositories, with the state of each version that was ever loaded.

    Protocol: model repository extension, index. Raises TritonError(UNIMPLEMENTED) when a repository is named.
    """
    if request.repository_name:
        raise TritonError(Code.UNIMPLEMENTED, "'repository_name' specification is not supported")
    states = context.lifecycle.table.states()
    index = messages.RepositoryIndexResponse()
    for name, sources in scan.scan(context.options.model_repository).items():
        if len(sources) > 1:
            index.models.add(name=name, state=State.UNAVAILABLE.value, reason=scan.NOT_UNIQUE)
        elif name not in states:
            if not request.ready:
                index.models.add(name=name)
        else:
            for version, status in states[name].items():
                if not request.ready or status.state is State.READY:
                    index.models.add(name=name, version=str(version), state=status.state.value, reason=status.reason)
    return index


HANDLERS = {MethodNumber.REPOSITORY_INDEX: of_messages("RepositoryIndex", repository_index)}
