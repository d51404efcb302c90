"""CUDA regions by NVIDIA's own client: registration over both protocols, and every way in and out of a model."""

from __future__ import annotations

import base64
import contextlib
import re
from collections.abc import Iterator
from typing import Any

import gpu_regions
import numpy as np
import pytest
import tritonclient.http as httpclient
from gpu_models import WIDTH
from gpu_regions import GpuRegion, gpu_region, output_in, output_shape, placed, plain, system_region
from server_process import ServerProcess
from tritonclient.utils import InferenceServerException, deserialize_bytes_tensor, serialize_byte_tensor

SIZE = 4 * WIDTH
LARGE = 4 << 20  # Bytes: such memory is an allocation of its own, small pieces share one.
FIRST = np.arange(WIDTH, dtype=np.float32).reshape(1, WIDTH)
SECOND = np.full((1, WIDTH), 3, np.float32)


@contextlib.contextmanager
def refused(text: str) -> Iterator[None]:
    with pytest.raises(InferenceServerException, match=re.escape(text)):
        yield


def status_of(client: Any, name: str = "") -> dict[str, tuple[int, int]]:
    """Device and size of the registered regions, by name."""
    status = client.get_cuda_shared_memory_status(name)
    if hasattr(status, "regions"):
        return {one.name: (one.device_id, one.byte_size) for one in status.regions.values()}
    return {one["name"]: (one["device_id"], one["byte_size"]) for one in status}


def both_inputs(library: Any, region: Any, first: int = 0, second: int = SIZE) -> list[Any]:
    return [placed(library, f"INPUT{i}", [1, WIDTH], region, SIZE, at) for i, at in enumerate((first, second))]


def both_outputs(library: Any, region: Any, first: int = 0, second: int = SIZE) -> list[Any]:
    return [output_in(library, f"OUTPUT{i}", region, SIZE, at) for i, at in enumerate((first, second))]


def check_answer(region: Any, first: int = 0, second: int = SIZE) -> None:
    np.testing.assert_array_equal(region.read(np.float32, WIDTH, first), (FIRST + SECOND)[0])
    np.testing.assert_array_equal(region.read(np.float32, WIDTH, second), (FIRST - SECOND)[0])


# Registration.


def test_register_status_unregister(client: Any) -> None:
    with gpu_region(client, 100) as one, gpu_region(client, LARGE) as two:
        assert status_of(client) == {one.name: (0, 100), two.name: (0, LARGE)}
        assert status_of(client, two.name) == {two.name: (0, LARGE)}
        with refused("Unable to find cuda shared memory region: 'none'"):
            status_of(client, "none")
        client.unregister_cuda_shared_memory(one.name)
        assert status_of(client) == {two.name: (0, LARGE)}
        client.unregister_cuda_shared_memory()
        assert status_of(client) == {}


def test_a_name_that_is_taken(client: Any) -> None:
    with gpu_region(client, LARGE) as region:
        with refused(f"shared memory region '{region.name}' already in manager"):
            region.register(client)
        region.register(client, "another")
        assert sorted(status_of(client)) == sorted(["another", region.name])


def test_more_than_was_allocated(client: Any) -> None:
    region = GpuRegion(LARGE)
    try:
        with refused(f"failed to register shared memory region '{region.name}': invalid args"):
            region.register(client, byte_size=16 * LARGE)
        assert status_of(client) == {}
        region.register(client)
        client.unregister_cuda_shared_memory(region.name)
    finally:
        region.free()


def test_a_handle_of_another_size(client: Any, library: Any) -> None:
    over_http = library is httpclient
    with refused(
        "'raw_handle' must be a valid base64 encoded cudaIpcMemHandle_t"
        if over_http
        else "failed to register shared memory region: invalid args"
    ):
        client.register_cuda_shared_memory("short", base64.b64encode(b"short"), 0, 64)


def test_a_device_that_is_not_there(client: Any) -> None:
    region = GpuRegion(LARGE)
    try:
        with refused("failed to register shared memory region: invalid args"):
            client.register_cuda_shared_memory("far", region.raw_handle, 7, LARGE)
    finally:
        region.free()


def test_parts_that_are_not_there(client: Any, library: Any) -> None:
    with gpu_region(client, 2 * SIZE) as region:
        name = region.name
        with refused(f"Invalid offset for shared memory region: '{name}'"):
            client.infer("add_sub", both_inputs(library, region, second=2 * SIZE))
        with refused(f"Invalid offset + byte size for shared memory region: '{name}'"):
            client.infer("add_sub", both_inputs(library, region, second=SIZE + 4))
    with refused(f"Unable to find shared memory region: '{name}'"):
        client.infer("add_sub", both_inputs(library, region))


def test_both_protocols_see_the_same(gpu_server: ServerProcess, client: Any, library: Any) -> None:
    others = {gpu_regions.httpclient: gpu_regions.grpcclient, gpu_regions.grpcclient: gpu_regions.httpclient}
    other_library = others[library]
    with gpu_region(client, 2 * SIZE) as region, gpu_regions.connect(gpu_server, other_library) as other:
        region.write(FIRST, SECOND)
        answer = other.infer("add_sub", both_inputs(other_library, region))
        np.testing.assert_array_equal(answer.as_numpy("OUTPUT0"), FIRST + SECOND)
        assert status_of(other) == {region.name: (0, 2 * SIZE)}


# In and out. The models without _cpu run on the GPU, where they read and write the region in place.


@pytest.mark.parametrize("model", ["add_sub", "add_sub_cpu"])
def test_in_and_out(client: Any, library: Any, model: str) -> None:
    with gpu_region(client, 2 * SIZE) as source, gpu_region(client, LARGE) as target:
        source.write(FIRST, SECOND)
        answer = client.infer(model, both_inputs(library, source), outputs=both_outputs(library, target))
        assert output_shape(answer, "OUTPUT0") == [1, WIDTH]
        check_answer(target)


@pytest.mark.parametrize("model", ["add_sub", "add_sub_cpu"])
@pytest.mark.parametrize("offset", [4, 20, 2, 1])
def test_offsets_that_no_vector_load_takes(client: Any, library: Any, model: str, offset: int) -> None:
    with gpu_region(client, LARGE) as region:
        region.write(FIRST, SECOND, offset=offset)
        inputs = both_inputs(library, region, offset, offset + SIZE)
        client.infer(model, inputs, outputs=both_outputs(library, region, 1024 + offset, 4096 + offset))
        check_answer(region, 1024 + offset, 4096 + offset)
        np.testing.assert_array_equal(region.read(np.float32, WIDTH, offset), FIRST[0])


@pytest.mark.parametrize("model", ["add_sub", "add_sub_cpu"])
def test_over_its_own_inputs(client: Any, library: Any, model: str) -> None:
    with gpu_region(client, 2 * SIZE) as region:
        region.write(FIRST, SECOND)
        client.infer(model, both_inputs(library, region), outputs=both_outputs(library, region))
        check_answer(region)


@pytest.mark.parametrize("model", ["add_sub", "add_sub_cpu"])
def test_plain_in_and_device_out(client: Any, library: Any, model: str) -> None:
    with gpu_region(client, 2 * SIZE) as region:
        inputs = [plain(library, "INPUT0", FIRST), plain(library, "INPUT1", SECOND)]
        client.infer(model, inputs, outputs=both_outputs(library, region))
        check_answer(region)


@pytest.mark.parametrize("model", ["add_sub", "add_sub_cpu"])
def test_device_in_and_plain_out(client: Any, library: Any, model: str) -> None:
    with gpu_region(client, 2 * SIZE) as region:
        region.write(FIRST, SECOND)
        answer = client.infer(model, both_inputs(library, region))
        np.testing.assert_array_equal(answer.as_numpy("OUTPUT0"), FIRST + SECOND)
        np.testing.assert_array_equal(answer.as_numpy("OUTPUT1"), FIRST - SECOND)


@pytest.mark.parametrize("model", ["add_sub", "add_sub_cpu"])
def test_one_input_of_each_kind(client: Any, library: Any, model: str) -> None:
    with gpu_region(client, 2 * SIZE) as region, system_region(client, 2 * SIZE) as host:
        region.write(FIRST)
        host.write(SECOND)
        inputs = [
            placed(library, "INPUT0", [1, WIDTH], region, SIZE),
            placed(library, "INPUT1", [1, WIDTH], host, SIZE),
        ]
        outputs = [output_in(library, "OUTPUT0", host, SIZE, SIZE), output_in(library, "OUTPUT1", region, SIZE, SIZE)]
        client.infer(model, inputs, outputs=outputs)
        np.testing.assert_array_equal(host.read(np.float32, WIDTH, SIZE), (FIRST + SECOND)[0])
        np.testing.assert_array_equal(region.read(np.float32, WIDTH, SIZE), (FIRST - SECOND)[0])


@pytest.mark.parametrize("model", ["add_sub", "add_sub_cpu"])
def test_system_in_and_device_out(client: Any, library: Any, model: str) -> None:
    with gpu_region(client, 2 * SIZE) as region, system_region(client, 2 * SIZE) as host:
        host.write(FIRST, SECOND)
        client.infer(model, both_inputs(library, host), outputs=both_outputs(library, region))
        check_answer(region)


@pytest.mark.parametrize("model", ["add_sub", "add_sub_cpu"])
def test_an_output_region_that_is_too_small(client: Any, library: Any, model: str) -> None:
    with gpu_region(client, LARGE) as region:
        region.write(FIRST, SECOND)
        outputs = [output_in(library, "OUTPUT0", region, SIZE // 2, 1024)]
        with refused(
            f"shared memory size specified with the request for output 'OUTPUT0' ({SIZE // 2} bytes) should be at least"
            f" {SIZE} bytes to hold the results"
        ):
            client.infer(model, both_inputs(library, region), outputs=outputs)
        np.testing.assert_array_equal(region.read(np.float32, WIDTH, 1024), np.zeros(WIDTH, np.float32))


def test_strings(client: Any, library: Any) -> None:
    words = np.array([b"alpha", b"", b"gamma" * 100], dtype=object)
    data = serialize_byte_tensor(words)
    size = len(data.item())
    with gpu_region(client, LARGE) as region:
        region.write(data)
        one = placed(library, "X", [3], region, size, datatype="BYTES")
        assert client.infer("identity_bytes", [one]).as_numpy("Y").tolist() == words.tolist()
        client.infer("identity_bytes", [one], outputs=[output_in(library, "Y", region, 4096, 8192)])
        found = deserialize_bytes_tensor(region.read(np.uint8, size, 8192).tobytes())
        assert found.tolist() == words.tolist()


def test_memory_of_a_torch_tensor(client: Any, library: Any) -> None:
    torch = pytest.importorskip("torch")
    # So large a tensor begins an allocation, whose handle it can have.
    tensor = torch.arange(16 << 20, dtype=torch.float32, device="cuda")
    torch.cuda.synchronize()
    size = tensor.numel() * 4
    client.register_cuda_shared_memory("torch", gpu_regions.handle_of(tensor.data_ptr()), 0, size)
    one = library.InferInput("X", [1000], "FP32")
    one.set_shared_memory("torch", 4000, 0)
    output = library.InferRequestedOutput("Y")
    output.set_shared_memory("torch", 4000, size - 4000)
    client.infer("identity_fp32", [one], outputs=[output])
    assert torch.equal(tensor[-1000:], tensor[:1000])
    client.unregister_cuda_shared_memory("torch")
