"""One request to a server, and its answers in a form that does not depend on the protocol."""

from __future__ import annotations

import json
import queue
import re
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import tritonclient.grpc as grpc
import tritonclient.http as http
from tritonclient.utils import InferenceServerException, np_to_triton_dtype

Answer = dict[str, Any]
SECONDS = 60
_FOREIGN_FRAME = re.compile(r"^  (?!<repository>|<broken>|<backends>)\S.*\(\d+\): \S+\n", re.M)


@dataclass(frozen=True)
class Address:
    """Where a server listens (HOST:PORT each), and the text that its folders have in answers."""

    http: str
    grpc: str
    metrics: str
    folders: Mapping[str, str] = field(default_factory=dict)

    def neutral(self, text: str) -> str:
        """`text` without this server's folders, and without the frames of tracebacks that are not of a model."""
        for folder, name in self.folders.items():
            text = text.replace(folder, name)
        return _FOREIGN_FRAME.sub("", text)


@dataclass(frozen=True)
class Call:
    """A request for inference; `options` are arguments of tritonclient's infer."""

    model: str
    inputs: Mapping[str, np.ndarray]
    outputs: tuple[str, ...] = ()
    options: Mapping[str, Any] = field(default_factory=dict)


def _data(array: np.ndarray) -> list[Any]:
    if array.dtype == np.object_:
        return [element.decode() if isinstance(element, bytes) else str(element) for element in array.flat]
    if array.dtype.kind not in "biuf":  # bfloat16
        array = array.astype(np.float32)
    values: list[Any] = array.ravel().tolist()
    return values


def _error(address: Address, error: InferenceServerException) -> Answer:
    return {"status": str(error.status()), "message": address.neutral(str(error.message()))}


def _parameter(value: Any) -> Any:
    return getattr(value, value.WhichOneof("parameter_choice"))


def _datatype(array: np.ndarray) -> str:
    return "BF16" if array.dtype.name == "bfloat16" else str(np_to_triton_dtype(array.dtype))


def _request(protocol: Any, call: Call) -> dict[str, Any]:
    inputs = []
    for name, array in call.inputs.items():
        tensor = protocol.InferInput(name, list(array.shape), _datatype(array))
        tensor.set_data_from_numpy(array)
        inputs.append(tensor)
    outputs = [protocol.InferRequestedOutput(name) for name in call.outputs]
    return {"model_name": call.model, "inputs": inputs, "outputs": outputs or None, **call.options}


def _grpc_answer(address: Address, result: grpc.InferResult) -> Answer:
    response = result.get_response()
    outputs = {
        output.name: [output.datatype, list(output.shape), _data(result.as_numpy(output.name))]
        for output in response.outputs
    }
    return {
        "id": response.id,
        "outputs": _neutral(address, outputs),
        "parameters": {name: _parameter(value) for name, value in sorted(response.parameters.items())},
    }


def _neutral(address: Address, value: Any) -> Any:
    if isinstance(value, str):
        return address.neutral(value)
    if isinstance(value, list):
        return [_neutral(address, element) for element in value]
    if isinstance(value, dict):
        return {name: _neutral(address, element) for name, element in value.items()}
    return value


def over_http(address: Address, calls: list[Call]) -> list[Answer]:
    """One call after the other."""
    answers = []
    with http.InferenceServerClient(address.http, network_timeout=SECONDS, connection_timeout=SECONDS) as client:
        for call in calls:
            try:
                result = client.infer(**_request(http, call))
            except InferenceServerException as error:
                answers.append(_error(address, error))
                continue
            response = result.get_response()
            outputs = {
                output["name"]: [output["datatype"], output["shape"], _data(result.as_numpy(output["name"]))]
                for output in response["outputs"]
            }
            parameters = dict(sorted(response.get("parameters", {}).items()))
            answers.append(
                {
                    "id": response.get("id", ""),
                    "outputs": _neutral(address, outputs),
                    "parameters": parameters,
                }
            )
    return answers


def over_grpc(address: Address, calls: list[Call]) -> list[Answer]:
    """One call after the other."""
    answers = []
    with grpc.InferenceServerClient(address.grpc) as client:
        for call in calls:
            try:
                answers.append(_grpc_answer(address, client.infer(**_request(grpc, call), client_timeout=SECONDS)))
            except InferenceServerException as error:
                answers.append(_error(address, error))
    return answers


def over_stream(address: Address, calls: list[Call], final: bool = True) -> list[Answer]:
    """All calls on one stream, the next one when the answers of the one before are complete (their last is final)."""
    answers: list[Answer] = []
    for call in calls:
        got: queue.Queue[tuple[Any, InferenceServerException | None]] = queue.Queue()
        with grpc.InferenceServerClient(address.grpc) as client:
            client.start_stream(callback=_into(got), stream_timeout=SECONDS)
            client.async_stream_infer(**_request(grpc, call), enable_empty_final_response=final)
            client.stop_stream()  # Waits for the end of the answers.
        while not got.empty():
            result, error = got.get()
            answers.append(_error(address, error) if error else _grpc_answer(address, result))
    return answers


def _into(got: queue.Queue[tuple[Any, InferenceServerException | None]]) -> Callable[[Any, Any], None]:
    return lambda result, error: got.put((result, error))


def _fetch(url: str, body: bytes | None) -> tuple[int, str, str]:
    """(status, content type, body)."""
    try:
        with urllib.request.urlopen(urllib.request.Request(url, body), timeout=SECONDS) as response:
            return response.status, response.headers["Content-Type"], response.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.headers["Content-Type"], error.read().decode()


def over_path(address: Address, path: str, body: Any = None) -> list[Answer]:
    """A GET of `path`, or a POST of `body` as JSON; events of a stream are taken apart."""
    status, kind, text = _fetch(f"http://{address.http}{path}", None if body is None else json.dumps(body).encode())
    if kind and kind.startswith("text/event-stream"):
        parts = [part.removeprefix("data: ") for part in text.split("\n\n") if part]
        content: Any = [json.loads(part) for part in parts]
    else:
        content = json.loads(text) if text else None
    return [{"status": status, "type": kind, "content": _neutral(address, content)}]


def metrics(address: Address, prefix: str) -> list[Answer]:
    """The lines of the metrics page of the families whose name starts with `prefix`."""
    _, _, text = _fetch(f"http://{address.metrics}/metrics", None)
    pattern = re.compile(rf"(# HELP |# TYPE )?{prefix}")
    return [{"lines": [line for line in text.splitlines() if pattern.match(line)]}]
