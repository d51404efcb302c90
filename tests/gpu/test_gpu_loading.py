"""Loading models on GPUs: kinds and devices, execution accelerators, and what is said where it fails."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gpu_machine
import gpu_models
import gpu_regions
import numpy as np
import pytest
import tritonclient.http as httpclient
from gpu_models import WIDTH
from gpu_regions import plain
from server_process import ServerProcess
from tritonclient.utils import InferenceServerException

FIRST = np.arange(WIDTH, dtype=np.float32).reshape(1, WIDTH)
SECOND = np.full((1, WIDTH), 3, np.float32)


@pytest.fixture(scope="module")
def server(gpu_repository: Path) -> Iterator[ServerProcess]:
    with gpu_models.serve_models(gpu_repository, "double_cpu") as running:
        yield running


@pytest.fixture
def client(server: ServerProcess) -> Iterator[Any]:
    with gpu_regions.connect(server, httpclient) as connected:
        yield connected


def check_model(client: Any, name: str) -> None:
    inputs = [plain(httpclient, "INPUT0", FIRST), plain(httpclient, "INPUT1", SECOND)]
    np.testing.assert_array_equal(client.infer(name, inputs).as_numpy("OUTPUT0"), FIRST + SECOND)


def refusal(client: Any, name: str) -> str:
    with pytest.raises(InferenceServerException) as refused:
        client.load_model(name)
    return str(refused.value)


@pytest.mark.parametrize("name", ["cuda_tuned", "cuda_numbers", "auto", "three_instances"])
def test_models_that_load(client: Any, name: str) -> None:
    client.load_model(name)
    groups = client.get_model_config(name)["instance_group"]
    assert [group["kind"] for group in groups] == ["KIND_GPU"]
    assert groups[0]["gpus"] == list(range(gpu_machine.gpu_count()))
    check_model(client, name)
    client.unload_model(name)


@pytest.mark.parametrize(
    ("name", "texts"),
    [
        ("cuda_option", ["the CUDA execution provider could not be set up", "no_such_option"]),
        ("cuda_value", ["the CUDA execution provider could not be set up", "gpu_mem_limit"]),
        ("cuda_number", ["unsupported cudnn_conv_algo_search value '9' is requested"]),
        ("unknown_accelerator", ["unknown Execution Accelerator 'no_such_accelerator' is requested"]),
        ("far_gpu", ["specifies invalid or unsupported gpu id 7", "are: 0"]),
    ],
)
def test_models_that_do_not(client: Any, name: str, texts: list[str]) -> None:
    found = refusal(client, name)
    for text in texts:
        assert text in found
    client.load_model("auto")
    check_model(client, "auto")


def test_tensorrt(client: Any) -> None:
    """It runs the model where it is installed, and says what to install where it is not."""
    try:
        client.load_model("tensorrt")
    except InferenceServerException as refused:
        assert "execution accelerator 'tensorrt' could not be set up" in str(refused)
        assert "pip install tensorrt" in str(refused)
    else:
        check_model(client, "tensorrt")
    client.load_model("auto")
    check_model(client, "auto")


def test_loaded_again_and_again(client: Any) -> None:
    """All of a model's memory goes with it."""
    client.load_model("auto")
    config = json.dumps(client.get_model_config("auto") | {"version_policy": {"latest": {"num_versions": 2}}})

    def round_trip() -> None:
        client.load_model("three_instances")
        check_model(client, "three_instances")
        client.load_model("auto", config=config)
        client.load_model("auto")
        check_model(client, "auto")
        client.unload_model("three_instances")

    round_trip()
    most = gpu_machine.used_memory() + 256 * gpu_machine.MEBIBYTE
    for _ in range(10):
        round_trip()
    gpu_machine.wait_for(lambda: gpu_machine.used_memory() <= most, lambda: (gpu_machine.used_memory(), most))


@pytest.mark.parametrize("hidden_by", [{"TRITON_SERVER_CPU_ONLY": "1"}, {"CUDA_VISIBLE_DEVICES": ""}])
def test_gpus_that_are_hidden(gpu_repository: Path, hidden_by: dict[str, str]) -> None:
    with (
        gpu_models.serve_models(gpu_repository, "add_sub", "auto", **hidden_by) as server,
        gpu_regions.connect(server, httpclient) as client,
    ):
        assert not client.is_model_ready("add_sub")
        assert "has kind KIND_GPU but no GPUs are available" in refusal(client, "add_sub")
        assert [group["kind"] for group in client.get_model_config("auto")["instance_group"]] == ["KIND_CPU"]
        check_model(client, "auto")
        if "CUDA_VISIBLE_DEVICES" in hidden_by:
            region = gpu_regions.GpuRegion(4 << 20)
            with pytest.raises(InferenceServerException, match="failed to register shared memory region: invalid args"):
                region.register(client)
            region.free()
