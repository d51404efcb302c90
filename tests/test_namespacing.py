"""Models of one name in two repositories: served side by side, and told apart as far as names allow."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tritonclient.grpc as grpcclient
import tritonclient.http as httpclient
from repositories import MODELS
from server_process import ServerProcess, serve
from tritonclient.utils import InferenceServerException

ENSEMBLE = """platform: "ensemble" max_batch_size: 8
input [ { name: "A" data_type: TYPE_INT32 dims: 16 }, { name: "B" data_type: TYPE_INT32 dims: 16 } ]
output [ { name: "OUT" data_type: TYPE_INT32 dims: 16 } ]
ensemble_scheduling { step { model_name: "simple" model_version: -1
  input_map { key: "INPUT0" value: "A" } input_map { key: "INPUT1" value: "B" }
  output_map { key: "%s" value: "OUT" } } }
"""
AMBIGUOUS = "There are 2 identifiers of model 'simple' in global map, model namespace must be provided"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    folder = tmp_path_factory.mktemp("namespaces")
    for repository, output in (("one", "OUTPUT0"), ("two", "OUTPUT1")):
        shutil.copytree(MODELS / "simple", folder / repository / "simple")
        write_ensemble(folder / repository / f"ensemble_{repository}", output)
    repositories = [f"--model-repository={folder}/{name}" for name in ("one", "two")]
    with serve(*repositories, "--model-namespacing=true") as running:
        yield running


def write_ensemble(folder: Path, output: str) -> None:
    (folder / "1").mkdir(parents=True)
    (folder / "config.pbtxt").write_text(ENSEMBLE % output)


def infer(module: Any, address: str, model: str, names: tuple[str, str]) -> Any:
    tensors = []
    for name, value in zip(names, (5, 3), strict=True):
        tensors.append(module.InferInput(name, [1, 16], "INT32"))
        tensors[-1].set_data_from_numpy(np.full((1, 16), value, np.int32))
    with module.InferenceServerClient(address) as client:
        return client.infer(model, tensors)


@pytest.mark.parametrize(("module", "protocol"), [(httpclient, "http"), (grpcclient, "grpc")])
def test_each_ensemble_has_the_model_of_its_repository(server: ServerProcess, module: Any, protocol: str) -> None:
    address = getattr(server, protocol)
    for model, expected in (("ensemble_one", 8), ("ensemble_two", 2)):
        assert (infer(module, address, model, ("A", "B")).as_numpy("OUT") == expected).all()
    with pytest.raises(InferenceServerException, match=AMBIGUOUS):
        infer(module, address, "simple", ("INPUT0", "INPUT1"))
    with module.InferenceServerClient(address) as client:
        with pytest.raises(InferenceServerException, match=AMBIGUOUS):
            client.get_model_metadata("simple")
        index = client.get_model_repository_index()
        names = [row["name"] if isinstance(row, dict) else row.name for row in getattr(index, "models", index)]
        assert sorted(names) == ["ensemble_one", "ensemble_two", "simple", "simple"]
