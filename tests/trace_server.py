"""What the trace tests serve, and requests to it over both protocols."""

from __future__ import annotations

import json
import shutil
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import numpy as np
import tritonclient.grpc
import tritonclient.http
from repositories import MODELS

_ENSEMBLE = """\
platform: "ensemble"
max_batch_size: 8
input [ { name: "INPUT0" data_type: TYPE_INT32 dims: [ 16 ] }, { name: "INPUT1" data_type: TYPE_INT32 dims: [ 16 ] } ]
output [ { name: "OUTPUT0" data_type: TYPE_INT32 dims: [ 16 ] } ]
ensemble_scheduling { step [
  { model_name: "simple" model_version: -1
    input_map { key: "INPUT0" value: "INPUT0" } input_map { key: "INPUT1" value: "INPUT1" }
    output_map { key: "OUTPUT0" value: "sum" } output_map { key: "OUTPUT1" value: "difference" } },
  { model_name: "simple" model_version: -1
    input_map { key: "INPUT0" value: "sum" } input_map { key: "INPUT1" value: "difference" }
    output_map { key: "OUTPUT0" value: "OUTPUT0" } }
] }
"""
_PLAIN = """\
backend: "identity"
max_batch_size: 8
input [ { name: "INPUT0" data_type: TYPE_STRING dims: [ 2 ] } ]
output [ { name: "OUTPUT0" data_type: TYPE_STRING dims: [ 2 ] } ]
"""
_CACHED = f"{_PLAIN}response_cache {{ enable: true }}\n"

FRONT_TIMES = {
    "http": ["HTTP_RECV_START", "HTTP_RECV_END", "INFER_RESPONSE_COMPLETE", "HTTP_SEND_START", "HTTP_SEND_END"],
    "grpc": [
        "GRPC_WAITREAD_START",
        "GRPC_WAITREAD_END",
        "INFER_RESPONSE_COMPLETE",
        "GRPC_SEND_START",
        "GRPC_SEND_END",
    ],
}
CLIENTS = {"http": tritonclient.http, "grpc": tritonclient.grpc}


def make_repository(folder: Path) -> Path:
    """Write the models simple, ensemble (two of them in a row), plain (strings, as they come) and cached (the same)."""
    repository = folder / "models"
    shutil.copytree(MODELS / "simple", repository / "simple")
    for name, config in (("ensemble", _ENSEMBLE), ("plain", _PLAIN), ("cached", _CACHED)):
        (repository / name / "1").mkdir(parents=True)
        (repository / name / "config.pbtxt").write_text(config)
    return repository


def infer(server: Any, protocol: str, model: str = "simple", request_id: str = "", headers: Any = None) -> Any:
    """Send one request and return its result."""
    library: Any = CLIENTS[protocol]
    with library.InferenceServerClient(getattr(server, protocol)) as client:
        if model == "cached":
            inputs = [library.InferInput("INPUT0", [1, 2], "BYTES")]
            inputs[0].set_data_from_numpy(np.array([[b"a", b'b"c']], dtype=np.object_))
        else:
            inputs = [library.InferInput(name, [1, 16], "INT32") for name in ("INPUT0", "INPUT1")]
            for tensor in inputs:
                tensor.set_data_from_numpy(np.ones((1, 16), dtype=np.int32))
        # A copy: the HTTP client adds to what it is given.
        return client.infer(model, inputs, request_id=request_id, headers=dict(headers) if headers else None)


def post(server: Any, path: str, body: str, method: str = "POST") -> tuple[int, str]:
    """Send a body; returns status and body of the answer."""
    data = None if method == "GET" else body.encode()
    request = urllib.request.Request(f"http://{server.http}{path}", data=data, method=method)
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def settings(server: Any, model: str = "") -> dict[str, Any]:
    """The trace settings of the server or a model."""
    path = f"/v2/models/{model}/trace/setting" if model else "/v2/trace/setting"
    shown: dict[str, Any] = json.loads(post(server, path, "", "GET")[1])
    return shown
