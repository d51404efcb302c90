"""tritonclient's repository calls over several processes of both front ends: each sees a change when its call ended."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tritonclient.grpc as grpcclient
import tritonclient.http as httpclient
from repositories import MODELS, write_identity
from server_process import ServerProcess, serve
from tritonclient.utils import InferenceServerException

# With two processes of each protocol, so many new connections miss one of them in 1 of 2^15 runs.
CONNECTIONS = 16
SIMPLE = MODELS / "simple" / "1" / "model.onnx"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    repository = write_identity(tmp_path_factory.mktemp("models"))
    arguments = [f"--model-repository={repository}", "--model-control-mode=explicit"]
    with serve(*arguments, "--http-workers=2", "--grpc-processes=2") as running:
        yield running


@pytest.fixture(params=["http", "grpc"])
def client(server: ServerProcess, request: pytest.FixtureRequest) -> Iterator[Any]:
    module, address = {"http": (httpclient, server.http), "grpc": (grpcclient, server.grpc)}[request.param]
    with module.InferenceServerClient(address) as made:
        yield made


def readiness(server: ServerProcess, model: str) -> set[bool]:
    """What the processes of both protocols say."""
    answers = set()
    for module, address in ((httpclient, server.http), (grpcclient, server.grpc)):
        for _ in range(CONNECTIONS):
            arguments = {"channel_args": [("grpc.use_local_subchannel_pool", 1)]} if module is grpcclient else {}
            with module.InferenceServerClient(address, **arguments) as fresh:
                answers.add(fresh.is_model_ready(model))
    return answers


def test_load_and_unload_are_seen_by_all_processes(server: ServerProcess, client: Any) -> None:
    for _ in range(2):
        client.load_model("plain_identity")
        assert readiness(server, "plain_identity") == {True}
        client.unload_model("plain_identity")
        assert readiness(server, "plain_identity") == {False}


def index(client: Any) -> dict[str, Any]:
    listed = client.get_model_repository_index()
    rows = listed if isinstance(listed, list) else [{"name": m.name, "state": m.state} for m in listed.models]
    return {row["name"]: row.get("state", "") for row in rows}


def config_of(client: Any, model: str) -> dict[str, Any]:
    if isinstance(client, httpclient.InferenceServerClient):
        found: dict[str, Any] = client.get_model_config(model)
        return found
    found = client.get_model_config(model, as_json=True)["config"]
    return found


def test_config_override(client: Any, server: ServerProcess) -> None:
    tensor = {"data_type": "TYPE_UINT8", "dims": [-1]}
    config = {
        "backend": "identity",
        "max_batch_size": 3,
        "input": [tensor | {"name": "INPUT0"}],
        "output": [tensor | {"name": "OUTPUT0"}],
    }
    client.load_model("plain_identity", config=json.dumps(config))
    assert config_of(client, "plain_identity")["max_batch_size"] == 3
    with pytest.raises(InferenceServerException, match="failed to poll from model repository"):
        client.load_model("plain_identity", config="{")
    assert readiness(server, "plain_identity") == {True}
    assert index(client)["plain_identity"] == "READY"
    client.unload_model("plain_identity")
    assert index(client)["plain_identity"] == "UNAVAILABLE"


def test_files(client: Any, server: ServerProcess, tmp_path: Path) -> None:
    files = {"file:1/model.onnx": SIMPLE.read_bytes()}
    client.load_model("from_files", config='{"backend": "onnxruntime"}', files=files)
    assert readiness(server, "from_files") == {True}
    module = httpclient if isinstance(client, httpclient.InferenceServerClient) else grpcclient
    inputs = []
    for name in ("INPUT0", "INPUT1"):
        tensor = module.InferInput(name, [1, 16], "INT32")
        tensor.set_data_from_numpy(np.arange(16, dtype=np.int32).reshape(1, 16))
        inputs.append(tensor)
    assert client.infer("from_files", inputs).as_numpy("OUTPUT0").tolist() == [list(range(0, 32, 2))]
    client.unload_model("from_files")
    assert readiness(server, "from_files") == {False}
    for files in ({"file:../escape": b""}, {"file:1/model.onnx": b""}):
        with pytest.raises(InferenceServerException, match=r"fail"):
            client.load_model("from_files", config='{"backend": "onnxruntime"}', files=files)
