"""Is the server alive, ready, and is a model ready?"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future

from triton_lite.engine.handlers.handler import Context, of_late_messages, of_messages
from triton_lite.engine.handlers.version import parse_version
from triton_lite.errors import TritonError
from triton_lite.proto import MethodNumber, messages


def server_live(context: Context, request: messages.ServerLiveRequest) -> messages.ServerLiveResponse:
    """An engine that answers is alive, also while it loads models; not when its start failed as a whole."""
    return messages.ServerLiveResponse(live=context.progress.initialized)


def server_ready(
    context: Context, request: messages.ServerReadyRequest, answer: Callable[[messages.ServerReadyResponse], None]
) -> None:
    """Answer whether the server is ready."""
    tell_ready(context, lambda ready: answer(messages.ServerReadyResponse(ready=ready)))


def is_ready(context: Context) -> bool:
    """Wait for what `tell_ready` says."""
    ready: Future[bool] = Future()
    tell_ready(context, ready.set_result)
    return ready.result()


def tell_ready(context: Context, answer: Callable[[bool], None]) -> None:
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
    if started and options.strict_readiness:
        context.lifecycle.readiness.check_all(answer)
    else:
        answer(started)


def model_ready(
    context: Context, request: messages.ModelReadyRequest, answer: Callable[[messages.ModelReadyResponse], None]
) -> None:
    """A model is ready when the version that the request means is served and can run; unknown models are not ready."""
    version = parse_version(request.version)
    try:
        context.lifecycle.readiness.check_model(
            request.name, version, lambda ready: answer(messages.ModelReadyResponse(ready=ready))
        )
    except TritonError:
        answer(messages.ModelReadyResponse(ready=False))


HANDLERS = {
    MethodNumber.SERVER_LIVE: of_messages("ServerLive", server_live),
    MethodNumber.SERVER_READY: of_late_messages("ServerReady", server_ready),
    MethodNumber.MODEL_READY: of_late_messages("ModelReady", model_ready),
}
