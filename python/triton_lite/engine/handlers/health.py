"""Is the server alive, ready, and is a model ready?"""

from __future__ import annotations

from triton_lite.engine.handlers.handler import Context, of_messages
from triton_lite.engine.handlers.version import parse_version
from triton_lite.engine.state import UNLOADED, State
from triton_lite.errors import TritonError
from triton_lite.proto import MethodNumber, messages


def server_live(context: Context, request: messages.ServerLiveRequest) -> messages.ServerLiveResponse:
    """An engine that answers is alive, also while it loads models; not when its start failed as a whole."""
    return messages.ServerLiveResponse(live=context.progress.initialized)


def server_ready(context: Context, request: messages.ServerReadyRequest) -> messages.ServerReadyResponse:
    """Answer whether the server is ready."""
    return messages.ServerReadyResponse(ready=is_ready(context))


def is_ready(context: Context) -> bool:
    """Ready after the initial load; under strict readiness only while every model that was loaded is ready.

    A server that ends because of an error at its start was never ready, one that was told to end is not any more.
    """
    progress, options = context.progress, context.options
    started = (
        progress.done
        and not progress.draining
        and progress.initialized
        and not (progress.problem and options.exit_on_error)
    )
    return started and (not options.strict_readiness or _all_ready(context))


def model_ready(context: Context, request: messages.ModelReadyRequest) -> messages.ModelReadyResponse:
    """A model is ready when the version that the request means is served; unknown models are not ready."""
    version = parse_version(request.version)
    try:
        context.lifecycle.table.served(context.lifecycle.key_of(request.name), version)
    except TritonError:
        return messages.ModelReadyResponse(ready=False)
    return messages.ModelReadyResponse(ready=True)


def _all_ready(context: Context) -> bool:
    """A model without any version is not ready; one that somebody unloaded does not count."""
    return all(
        versions and all(one.state is State.READY or one.reason == UNLOADED for one in versions.values())
        for versions in context.lifecycle.table.states().values()
    )


HANDLERS = {
    MethodNumber.SERVER_LIVE: of_messages("ServerLive", server_live),
    MethodNumber.SERVER_READY: of_messages("ServerReady", server_ready),
    MethodNumber.MODEL_READY: of_messages("ModelReady", model_ready),
}
