"""The server in this process, with tensors of torch and CuPy: in and out by their addresses on the GPU."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gpu_models
import numpy as np
import pytest
from gpu_models import DEPTH, WIDTH

import triton_lite

SECONDS = 60
SERVED = ("add_sub", "add_sub_cpu", "matmul", "identity_fp32", "nonzero", "shape_of", "chain")
DLPACK_CPU, DLPACK_CUDA = 1, 2


class OnlyDlpack:
    """A tensor that gives itself away by DLPack alone."""

    def __init__(self, tensor: Any) -> None:
        self._tensor = tensor

    def __dlpack__(self, **arguments: Any) -> Any:
        return self._tensor.__dlpack__(**arguments)

    def __dlpack_device__(self) -> Any:
        return self._tensor.__dlpack_device__()


class OnlyCudaArray:
    """A tensor that gives itself away by __cuda_array_interface__ alone."""

    def __init__(self, tensor: Any) -> None:
        self._tensor = tensor

    @property
    def __cuda_array_interface__(self) -> Any:
        return self._tensor.__cuda_array_interface__


@pytest.fixture(scope="module")
def torch() -> Any:
    module = pytest.importorskip("torch")
    if not module.cuda.is_available():
        pytest.skip("this torch has no CUDA")
    return module


@pytest.fixture(scope="module")
def server(gpu_repository: Path) -> Iterator[triton_lite.Server]:
    options = {"model_control_mode": "explicit", "load_model": list(SERVED)}
    with triton_lite.Server(model_repository=gpu_repository, **options) as running:
        yield running


def infer(server: triton_lite.Server, model: str, inputs: dict[str, Any], **options: Any) -> dict[str, Any]:
    return server.model(model).infer(inputs=inputs, timeout=SECONDS, **options).outputs


def on_gpu(output: Any) -> bool:
    return bool(output.__dlpack_device__()[0] == DLPACK_CUDA)


@pytest.mark.parametrize("give", [lambda tensor: tensor, OnlyDlpack, OnlyCudaArray], ids=["torch", "dlpack", "array"])
def test_tensors_of_torch(server: triton_lite.Server, torch: Any, give: Any) -> None:
    first, second = torch.rand(3, WIDTH, device="cuda"), torch.rand(3, WIDTH, device="cuda")
    torch.cuda.synchronize()
    outputs = infer(server, "add_sub", {"INPUT0": give(first), "INPUT1": give(second)}, device_outputs=True)
    assert all(on_gpu(output) for output in outputs.values())
    found = torch.from_dlpack(outputs["OUTPUT0"])
    assert found.is_cuda
    assert torch.equal(found, first + second)
    assert torch.equal(torch.from_dlpack(outputs["OUTPUT1"]), first - second)
    np.testing.assert_array_equal(outputs["OUTPUT0"].to_numpy(), (first + second).cpu().numpy())


def test_tensors_of_cupy(server: triton_lite.Server) -> None:
    cupy = pytest.importorskip("cupy")
    values = cupy.random.random((2, DEPTH), dtype=cupy.float32)
    cupy.cuda.get_current_stream().synchronize()
    outputs = infer(server, "matmul", {"X": values}, device_outputs=True)
    found = cupy.asarray(outputs["Y"])
    expected = cupy.asnumpy(values) @ gpu_models.weights()
    np.testing.assert_allclose(cupy.asnumpy(found), expected, atol=0.05)
    np.testing.assert_allclose(cupy.asnumpy(cupy.from_dlpack(outputs["Y"])), expected, atol=0.05)


def test_outputs_on_the_host(server: triton_lite.Server, torch: Any) -> None:
    values = torch.rand(1000, device="cuda")
    torch.cuda.synchronize()
    output = infer(server, "identity_fp32", {"X": values})["Y"]
    assert not on_gpu(output)
    np.testing.assert_array_equal(output.to_numpy(), values.cpu().numpy())


def test_inputs_from_the_host(server: triton_lite.Server, torch: Any) -> None:
    first, second = np.random.default_rng(0).random((1, WIDTH), np.float32), torch.rand(1, WIDTH, device="cuda")
    torch.cuda.synchronize()
    outputs = infer(server, "add_sub", {"INPUT0": first, "INPUT1": second}, device_outputs=True)
    expected = torch.from_numpy(first).cuda() + second
    assert torch.equal(torch.from_dlpack(outputs["OUTPUT0"]), expected)


def test_a_model_on_the_cpu(server: triton_lite.Server, torch: Any) -> None:
    first, second = torch.rand(1, WIDTH, device="cuda"), torch.rand(1, WIDTH, device="cuda")
    torch.cuda.synchronize()
    outputs = infer(server, "add_sub_cpu", {"INPUT0": first, "INPUT1": second})
    np.testing.assert_array_equal(outputs["OUTPUT0"].to_numpy(), (first + second).cpu().numpy())


@pytest.mark.parametrize("skipped", [1, 3])
def test_tensors_that_begin_anywhere(server: triton_lite.Server, torch: Any, skipped: int) -> None:
    values = torch.rand(1000, device="cuda")[skipped:]
    torch.cuda.synchronize()
    output = infer(server, "identity_fp32", {"X": values}, device_outputs=True)["Y"]
    assert torch.equal(torch.from_dlpack(output), values)


def test_tensors_that_are_still_computed(server: triton_lite.Server, torch: Any) -> None:
    """The kernel that writes the tensor waits on its stream when the request is made."""
    values = torch.zeros(1 << 20, device="cuda")
    torch.cuda.synchronize()
    torch.cuda._sleep(200_000_000)
    values += 7
    output = infer(server, "identity_fp32", {"X": OnlyDlpack(values)}, device_outputs=True)["Y"]
    assert torch.from_dlpack(output).min().item() == 7


def test_outputs_of_unknown_sizes(server: triton_lite.Server, torch: Any) -> None:
    values = torch.tensor([0, 1, 0, 5], dtype=torch.float32, device="cuda")
    torch.cuda.synchronize()
    output = infer(server, "nonzero", {"X": values}, device_outputs=True)["Y"]
    assert torch.from_dlpack(output).cpu().tolist() == [[1, 3]]
    assert output.to_numpy().tolist() == [[1, 3]]


def test_an_output_that_is_made_on_the_cpu(server: triton_lite.Server, torch: Any) -> None:
    values = torch.rand(3, 5, device="cuda")
    torch.cuda.synchronize()
    outputs = infer(server, "shape_of", {"X": values}, device_outputs=True)
    assert torch.from_dlpack(outputs["S"]).cpu().tolist() == [3, 5]
    assert torch.equal(torch.from_dlpack(outputs["Y"]).cuda(), 2 * values)


def test_an_ensemble(server: triton_lite.Server, torch: Any) -> None:
    first, second = torch.rand(2, WIDTH, device="cuda"), torch.rand(2, WIDTH, device="cuda")
    torch.cuda.synchronize()
    outputs = infer(server, "chain", {"INPUT0": first, "INPUT1": second}, device_outputs=True)
    expected = (first + second) + 2 * (first - second)
    assert torch.equal(torch.from_dlpack(outputs["OUTPUT0"]).cuda(), expected)


def test_one_answer_as_the_next_request(server: triton_lite.Server, torch: Any) -> None:
    values = torch.ones(1, WIDTH, device="cuda")
    torch.cuda.synchronize()
    last: Any = values
    for _ in range(10):
        last = infer(server, "add_sub", {"INPUT0": last, "INPUT1": last}, device_outputs=True)["OUTPUT0"]
    assert torch.from_dlpack(last).unique().tolist() == [1024]


def test_asyncio(server: triton_lite.Server, torch: Any) -> None:
    values = torch.rand(1000, device="cuda")
    torch.cuda.synchronize()

    async def work() -> Any:
        call = server.model("identity_fp32").infer_async({"X": values}, device_outputs=True)
        return (await asyncio.wait_for(call, SECONDS)).outputs["Y"]

    assert torch.equal(torch.from_dlpack(asyncio.run(work())), values)


def test_an_answer_outlives_its_model(server: triton_lite.Server, torch: Any) -> None:
    values = torch.rand(1 << 20, device="cuda")
    torch.cuda.synchronize()
    server.load("auto")
    response = server.model("auto").infer(
        {name: values.reshape(-1, WIDTH)[:8] for name in ("INPUT0", "INPUT1")}, device_outputs=True, timeout=SECONDS
    )
    found = torch.from_dlpack(response.outputs["OUTPUT0"])
    array = response.outputs["OUTPUT1"]
    expected = 2 * values.reshape(-1, WIDTH)[:8]
    del response
    server.unload("auto")
    gc.collect()
    # Others use memory of the GPU meanwhile.
    for _ in range(20):
        infer(server, "identity_fp32", {"X": values}, device_outputs=True)
    assert torch.equal(found, expected)
    assert not torch.from_dlpack(array).any()


def test_an_answer_outlives_its_server(gpu_repository: Path, torch: Any) -> None:
    values = torch.rand(1000, device="cuda")
    torch.cuda.synchronize()
    options = {"model_control_mode": "explicit", "load_model": ["identity_fp32"]}
    with triton_lite.Server(model_repository=gpu_repository, **options) as mine:
        found = torch.from_dlpack(infer(mine, "identity_fp32", {"X": values}, device_outputs=True)["Y"])
    gc.collect()
    assert torch.equal(found, values)
    del found
    gc.collect()
    assert torch.equal(values, values.clone())
