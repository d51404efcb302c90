"""A client that asks for everything that needs shared memory, and prints what it was told: run by test_region_peers.py.

python region_peer.py http|grpc HOST:PORT
"""

from __future__ import annotations

import base64
import json
import sys
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import tritonclient.grpc as grpcclient
import tritonclient.http as httpclient
from tritonclient.utils import InferenceServerException

ONE = np.arange(16, dtype=np.int32).reshape(1, 16)


def inputs(library: Any, region: str = "") -> list[Any]:
    tensors = [library.InferInput(f"INPUT{i}", [1, 16], "INT32") for i in range(2)]
    for tensor in tensors:
        tensor.set_data_from_numpy(ONE)
    if region:
        tensors[1].set_shared_memory(region, 64)
    return tensors


def outputs(library: Any, region: str) -> list[Any]:
    output = library.InferRequestedOutput("OUTPUT0")
    output.set_shared_memory(region, 64)
    return [output]


def stream(client: Any, tensors: list[Any]) -> None:
    errors: list[Any] = []
    client.start_stream(lambda result, error: errors.append(error))
    client.async_stream_infer("simple", tensors)
    client.stop_stream()
    (error,) = errors
    if error is not None:
        raise error


def attempts(library: Any, client: Any) -> Iterator[tuple[str, Callable[[], Any]]]:
    """Each request by name. No region exists: who may use regions is told so."""
    yield "status", client.get_system_shared_memory_status
    yield "infer", lambda: client.infer("simple", inputs(library))
    yield "register", lambda: client.register_system_shared_memory("mine", "/no_such_key", 64)
    yield "unregister", client.unregister_system_shared_memory
    yield "unregister one", lambda: client.unregister_system_shared_memory("mine")
    yield "register cuda", lambda: client.register_cuda_shared_memory("mine", base64.b64encode(bytes(64)), 0, 64)
    yield "unregister cuda", client.unregister_cuda_shared_memory
    yield "infer in", lambda: client.infer("simple", inputs(library, "mine"))
    yield "infer out", lambda: client.infer("simple", inputs(library), outputs=outputs(library, "mine"))
    if library is grpcclient:
        yield "stream", lambda: stream(client, inputs(library))
        yield "stream in", lambda: stream(client, inputs(library, "mine"))


def answers(protocol: str, address: str) -> dict[str, tuple[str, str]]:
    """What the server says to each, as (status, text); two empty strings are success."""
    library = httpclient if protocol == "http" else grpcclient
    told = {}
    with library.InferenceServerClient(address) as client:
        for name, attempt in attempts(library, client):
            try:
                attempt()
                told[name] = ("", "")
            except InferenceServerException as error:
                told[name] = (str(error.status()), error.message())
    return told


if __name__ == "__main__":
    print(json.dumps(answers(*sys.argv[1:])))
