"""Health: liveness and readiness of the server and of a model (protocol: health)."""

from __future__ import annotations

from typing import Any

from triton_lite import proto
from triton_lite.errors import Code, TritonError
from triton_lite.frontends.http.control.exchange import Exchange, Reply
from triton_lite.frontends.ready import others_are
from triton_lite.proto import messages


def live(body: bytes | None) -> Exchange:
    """GET /v2/health/live: 200 or 400, without a body."""
    return _server("ServerLive", messages.ServerLiveRequest(), "live")


def ready(body: bytes | None) -> Exchange:
    """GET /v2/health/ready: 200 or 400, without a body. Ready when gRPC is, too, where both were started together."""
    exchange = _server("ServerReady", messages.ServerReadyRequest(), "ready")
    return exchange if others_are() else exchange._replace(reply=lambda answer: Reply(b"", 400))


def model_ready(body: bytes | None, model: str, version: str = "") -> Exchange:
    """GET /v2/models/MODEL/ready: 200 without a body, or 400 with the reason."""
    method = proto.METHODS["ModelReady"]
    request = messages.ModelReadyRequest(name=model, version=version)

    def reply(answer: bytes) -> Reply:
        if not messages.ModelReadyResponse.FromString(answer).ready:
            raise TritonError(Code.INVALID_ARGUMENT, "Model version not ready")
        return Reply(b"")

    return Exchange(method.number, request.SerializeToString(), reply)


def _server(name: str, request: Any, field: str) -> Exchange:
    method = proto.METHODS[name]

    def reply(answer: bytes) -> Reply:
        return Reply(b"", 200 if getattr(method.response.FromString(answer), field) else 400)

    return Exchange(method.number, request.SerializeToString(), reply)
