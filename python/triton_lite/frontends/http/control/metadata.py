"""Metadata of the server and of models, and model configurations (protocol: metadata; model configuration)."""

from __future__ import annotations

from typing import Any

from triton_lite.frontends.http.control.exchange import Exchange, exchange
from triton_lite.proto import messages


def server(body: bytes | None) -> Exchange:
    """GET /v2."""
    return exchange(
        "ServerMetadata",
        messages.ServerMetadataRequest(),
        lambda response: {
            "name": response.name,
            "version": response.version,
            "extensions": list(response.extensions),
        },
    )


def model(body: bytes | None, model: str, version: str = "") -> Exchange:
    """GET /v2/models/MODEL."""
    return exchange("ModelMetadata", messages.ModelMetadataRequest(name=model, version=version), _model_json)


def config(body: bytes | None, model: str, version: str = "") -> Exchange:
    """GET /v2/models/MODEL/config."""
    return exchange("ModelConfig", messages.ModelConfigRequest(name=model, version=version), _config_json)


def _model_json(response: Any) -> dict[str, Any]:
    return {
        "name": response.name,
        "versions": list(response.versions),
        "platform": response.platform,
        "inputs": [_tensor_json(tensor) for tensor in response.inputs],
        "outputs": [_tensor_json(tensor) for tensor in response.outputs],
    }


def _tensor_json(tensor: Any) -> dict[str, Any]:
    return {"name": tensor.name, "datatype": tensor.datatype, "shape": list(tensor.shape)}


def _config_json(response: Any) -> str:
    from triton_lite.config import json_form

    return json_form.to_json_text(response.config)
