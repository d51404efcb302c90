"""Requests that are refused: how they are sent, and what is answered."""

from __future__ import annotations

import http.client
import json
from collections.abc import Callable
from typing import Any

import grpc
from grpc_wire import SERVICE

from triton_lite.proto import messages

SECONDS = 60
Bad = tuple[Callable[[str], tuple[Any, str]], tuple[Any, str]]


def post(path: str, body: Any) -> Callable[[str], tuple[int, str]]:
    """A request over HTTP; its status and what it says."""
    data = body if isinstance(body, bytes) else json.dumps(body).encode()

    def send(address: str) -> tuple[int, str]:
        connection = http.client.HTTPConnection(address, timeout=SECONDS)
        try:
            connection.request("POST", path, data)
            answer = connection.getresponse()
            return answer.status, json.loads(answer.read())["error"]
        finally:
            connection.close()

    return send


def call(method: str, message: bytes) -> Callable[[str], tuple[grpc.StatusCode, str]]:
    """A call over gRPC."""

    def send(address: str) -> tuple[grpc.StatusCode, str]:
        with grpc.insecure_channel(address) as channel:
            try:
                channel.unary_unary(SERVICE + method)(message, timeout=SECONDS)
            except grpc.RpcError as error:
                return error.code(), error.details()
        return grpc.StatusCode.OK, ""

    return send


def json_tensor(name: str, datatype: str = "INT32", rows: int = 1) -> dict[str, Any]:
    return {"name": name, "datatype": datatype, "shape": [rows, 16], "data": [1] * 16 * rows}


def message_of(*tensors: dict[str, Any], raw: bytes = b"", **fields: str) -> bytes:
    request = messages.ModelInferRequest(**{"model_name": "simple", **fields})
    for tensor in tensors:
        added = request.inputs.add(name=tensor["name"], datatype=tensor["datatype"], shape=tensor["shape"])
        if raw:
            request.raw_input_contents.append(raw)
        elif tensor["datatype"] == "FP32":
            added.contents.fp32_contents.extend(tensor["data"])
        else:
            added.contents.int_contents.extend(tensor["data"])
    return bytes(request.SerializeToString())


_UNKNOWN = "[request id: <id_unknown>] "
_MISSING = (
    f"{_UNKNOWN}expected 2 inputs but got 1 inputs for model 'simple'. Got input(s) ['INPUT0'], but missing required "
    "input(s) ['INPUT1']. Please provide all required input(s)."
)
_TYPE = f"{_UNKNOWN}inference input 'INPUT0' data-type is 'FP32', but model 'simple' expects 'INT32'"
_BATCH = f"{_UNKNOWN}inference request batch-size must be <= 8 for 'simple'"
_SIZE = f"{_UNKNOWN}input byte size mismatch for input 'INPUT1' for model 'simple'. Expected 64, got 3"
_TWO = (
    "Input must set only one of the following fields: 'data', 'binary_data_size' in 'parameters', "
    "'shared_memory_region' in 'parameters'. But set 'data' 'binary_data_size'"
)
_NO_INTEGER = "Unable to parse 'data': attempt to access JSON non-signed-integer as signed-integer"
_DECOUPLED = "ModelInfer RPC doesn't support models with decoupled transaction policy"
_NO_MODEL = "Request for unknown model: 'nothing' is not found"
_NO_VERSION = "Request for unknown model: 'simple' version 9 is not found"
_NO_LOAD = "failed to load 'nothing', failed to poll from model repository"
_NO_REGION = "Unable to open shared memory region: '/no such object'"
_BOTH = json_tensor("INPUT0"), json_tensor("INPUT1")
_INFER = "/v2/models/simple/infer"


def bad_http_requests() -> list[Bad]:
    """Requests that are refused, over HTTP."""
    register = {"key": "/no such object", "offset": 0, "byte_size": 64}
    binary = json_tensor("INPUT0") | {"parameters": {"binary_data_size": 64}}
    return [
        (post(_INFER, b"{"), (500, "failed to parse the request JSON buffer: Missing a name for object member. at 1")),
        (post(_INFER, {"inputs": [_BOTH[0]]}), (400, _MISSING)),
        (post(_INFER, {"inputs": [json_tensor("INPUT0", "FP32"), _BOTH[1]]}), (400, _TYPE)),
        (post(_INFER, {"inputs": [json_tensor(f"INPUT{i}", rows=9) for i in range(2)]}), (400, _BATCH)),
        (post(_INFER, {"inputs": [binary, _BOTH[1]]}), (400, _TWO)),
        (post("/v2/models/nothing/infer", {"inputs": []}), (404, _NO_MODEL)),
        (post("/v2/models/simple/versions/9/infer", {"inputs": []}), (404, _NO_VERSION)),
        (post("/v2/nothing", b""), (404, "Not Found")),
        (post("/v2/repository/models/nothing/load", b""), (500, _NO_LOAD)),
        (post("/v2/systemsharedmemory/region/r/register", register), (500, _NO_REGION)),
        (post("/v2/models/stream/generate", {"FIRST": 0, "COUNT": "x"}), (500, _NO_INTEGER)),
    ]


def bad_grpc_requests() -> list[Bad]:
    """The same over gRPC."""
    invalid, missing = grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.NOT_FOUND
    register = messages.SystemSharedMemoryRegisterRequest(name="r", key="/no such object", byte_size=64)
    load = messages.RepositoryModelLoadRequest(model_name="nothing")
    return [
        (call("ModelInfer", b"\xff\xff\xff"), (grpc.StatusCode.INTERNAL, "Unable to parse request")),
        (call("ModelInfer", message_of(_BOTH[0])), (invalid, _MISSING)),
        (call("ModelInfer", message_of(json_tensor("INPUT0", "FP32"), _BOTH[1])), (invalid, _TYPE)),
        (call("ModelInfer", message_of(*(json_tensor(f"INPUT{i}", rows=9) for i in range(2)))), (invalid, _BATCH)),
        (call("ModelInfer", message_of(*_BOTH, raw=b"123")), (invalid, _SIZE)),
        (call("ModelInfer", message_of(model_name="nothing")), (missing, _NO_MODEL)),
        (call("ModelInfer", message_of(model_version="9")), (missing, _NO_VERSION)),
        (call("Nothing", b""), (grpc.StatusCode.UNIMPLEMENTED, "Method not found!")),
        (call("RepositoryModelLoad", load.SerializeToString()), (grpc.StatusCode.INTERNAL, _NO_LOAD)),
        (call("SystemSharedMemoryRegister", register.SerializeToString()), (grpc.StatusCode.INTERNAL, _NO_REGION)),
        (call("ModelInfer", message_of(*_BOTH, model_name="stream")), (grpc.StatusCode.UNIMPLEMENTED, _DECOUPLED)),
    ]
