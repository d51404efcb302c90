"""System shared memory with NVIDIA's own client, over both protocols and all front-end processes."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tritonclient.grpc as grpcclient
import tritonclient.http as httpclient
import tritonclient.utils.shared_memory as shm
from golden_server import make_models
from server_process import ServerProcess, serve
from tritonclient.utils import InferenceServerException, serialize_byte_tensor

LIBRARIES = {"http": httpclient, "grpc": grpcclient}
SIZE = 64  # Bytes of a tensor of the model `simple`.


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    repository = make_models(tmp_path_factory.mktemp("regions"))
    names = ("simple", "identity_fp32", "identity_bytes")
    arguments = [f"--load-model={name}" for name in names]
    with serve(f"--model-repository={repository}", "--model-control-mode=explicit", *arguments) as running:
        yield running


@pytest.fixture(params=["http", "grpc"])
def library(request: pytest.FixtureRequest) -> Any:
    return LIBRARIES[request.param]


@pytest.fixture
def client(server: ServerProcess, library: Any) -> Iterator[Any]:
    with connect(server, library) as connected:
        yield connected
        connected.unregister_system_shared_memory()


def connect(server: ServerProcess, library: Any) -> Any:
    return library.InferenceServerClient(server.http if library is httpclient else server.grpc)


@contextlib.contextmanager
def region(name: str, byte_size: int) -> Iterator[Any]:
    handle = shm.create_shared_memory_region(name, f"/tl_{name}_{os.getpid()}", byte_size)
    try:
        yield handle
    finally:
        shm.destroy_shared_memory_region(handle)


def register(client: Any, name: str, byte_size: int, offset: int = 0) -> None:
    client.register_system_shared_memory(name, f"/tl_{name}_{os.getpid()}", byte_size, offset)


def inputs_in(library: Any, name: str, first: int = 0, second: int = SIZE) -> list[Any]:
    inputs = [library.InferInput(f"INPUT{i}", [1, 16], "INT32") for i in range(2)]
    inputs[0].set_shared_memory(name, SIZE, first)
    inputs[1].set_shared_memory(name, SIZE, second)
    return inputs


def outputs_in(library: Any, name: str, byte_size: int = SIZE) -> list[Any]:
    outputs = [library.InferRequestedOutput(f"OUTPUT{i}") for i in range(2)]
    for i, output in enumerate(outputs):
        output.set_shared_memory(name, byte_size, i * byte_size)
    return outputs


def fill(handle: Any) -> tuple[np.ndarray, np.ndarray]:
    first, second = np.arange(16, dtype=np.int32), np.full(16, 3, np.int32)
    shm.set_shared_memory_region(handle, [first, second])
    return first, second


def test_inputs_and_outputs(client: Any, library: Any) -> None:
    with region("in", 2 * SIZE) as source, region("out", 2 * SIZE) as target:
        register(client, "in", 2 * SIZE)
        register(client, "out", 2 * SIZE)
        first, second = fill(source)
        answer = client.infer("simple", inputs_in(library, "in"), outputs=outputs_in(library, "out"))
        assert answer.get_output("OUTPUT0") is not None
        np.testing.assert_array_equal(shm.get_contents_as_numpy(target, np.int32, [16]), first + second)
        np.testing.assert_array_equal(shm.get_contents_as_numpy(target, np.int32, [16], SIZE), first - second)
        answer = client.infer("simple", inputs_in(library, "in"))
        np.testing.assert_array_equal(answer.as_numpy("OUTPUT0")[0], first + second)


def test_floating_point_stays_in_place(client: Any, library: Any) -> None:
    values = np.random.default_rng(0).random(1 << 18, np.float32)
    with region("float", values.nbytes) as handle:
        register(client, "float", values.nbytes)
        shm.set_shared_memory_region(handle, [values])
        one = library.InferInput("INPUT0", [1, values.size], "FP32")
        one.set_shared_memory("float", values.nbytes)
        answer = client.infer("identity_fp32", [one])
        np.testing.assert_array_equal(answer.as_numpy("OUTPUT0")[0], values)
        output = library.InferRequestedOutput("OUTPUT0")
        output.set_shared_memory("float", values.nbytes)
        client.infer("identity_fp32", [one], outputs=[output])
        np.testing.assert_array_equal(shm.get_contents_as_numpy(handle, np.float32, [values.size]), values)


def test_strings(client: Any, library: Any) -> None:
    values = np.array(["alpha", "", "gamma"], dtype=object)
    with region("strings", 256) as handle:
        register(client, "strings", 256)
        shm.set_shared_memory_region(handle, [serialize_byte_tensor(values)])
        one = library.InferInput("INPUT0", [1, 3], "BYTES")
        one.set_shared_memory("strings", 4 * 3 + len("alphagamma"))
        assert client.infer("identity_bytes", [one]).as_numpy("OUTPUT0").tolist() == [[b"alpha", b"", b"gamma"]]


def test_every_process_sees_every_region(server: ServerProcess) -> None:
    with region("shared", 2 * SIZE) as handle:
        first, second = fill(handle)
        with connect(server, httpclient) as one:
            register(one, "shared", 2 * SIZE)
        for library in LIBRARIES.values():
            for _ in range(4):
                with connect(server, library) as other:
                    answer = other.infer("simple", inputs_in(library, "shared"))
                    np.testing.assert_array_equal(answer.as_numpy("OUTPUT0")[0], first + second)
        with connect(server, grpcclient) as one:
            one.unregister_system_shared_memory("shared")
        for library in LIBRARIES.values():
            with (
                connect(server, library) as other,
                pytest.raises(InferenceServerException, match="Unable to find shared memory region: 'shared'"),
            ):
                other.infer("simple", inputs_in(library, "shared"))


def test_status(client: Any, library: Any) -> None:
    with region("one", 8192), region("two", 256):
        register(client, "one", 100, 4096)
        register(client, "two", 256)
        status = client.get_system_shared_memory_status()
        named = client.get_system_shared_memory_status("one")
        if library is grpcclient:
            assert sorted(status.regions) == ["one", "two"]
            found = named.regions["one"]
            assert (found.offset, found.byte_size) == (4096, 100)
        else:
            assert [one["name"] for one in status] == ["one", "two"]
            assert named == [{"name": "one", "key": f"/tl_one_{os.getpid()}", "offset": 4096, "byte_size": 100}]
        with pytest.raises(InferenceServerException, match="Unable to find system shared memory region: 'three'"):
            client.get_system_shared_memory_status("three")


def test_faults(client: Any, library: Any) -> None:
    with region("small", 2 * SIZE) as handle:
        register(client, "small", 2 * SIZE)
        fill(handle)
        with pytest.raises(InferenceServerException, match="already in manager"):
            register(client, "small", 2 * SIZE)
        with pytest.raises(InferenceServerException, match="invalid args"):
            client.register_system_shared_memory("other", f"/tl_small_{os.getpid()}", 2 * SIZE + 1)
        with pytest.raises(InferenceServerException, match=r"Invalid offset \+ byte size for shared memory region"):
            client.infer("simple", inputs_in(library, "small", SIZE, SIZE + 4))
        with pytest.raises(InferenceServerException, match=r"\(32 bytes\) should be at least 64 bytes to hold"):
            client.infer("simple", inputs_in(library, "small"), outputs=outputs_in(library, "small", 32))


def test_several_names_and_unlinked_keys(client: Any, library: Any) -> None:
    with region("first", 2 * SIZE) as handle:
        register(client, "first", 2 * SIZE)
        client.register_system_shared_memory("second", f"/tl_first_{os.getpid()}", 2 * SIZE)
        first, second = fill(handle)
    inputs = inputs_in(library, "first")
    inputs[1].set_shared_memory("second", SIZE, SIZE)
    np.testing.assert_array_equal(client.infer("simple", inputs).as_numpy("OUTPUT0")[0], first + second)
    client.unregister_system_shared_memory("first")
    with pytest.raises(InferenceServerException, match="Unable to find shared memory region: 'first'"):
        client.infer("simple", inputs)


def test_truncated_region_fails_its_requests_only(client: Any, library: Any) -> None:
    with region("cut", 1 << 16) as handle, region("whole", 2 * SIZE) as other:
        register(client, "cut", 1 << 16)
        register(client, "whole", 2 * SIZE)
        first, second = fill(other)
        fill(handle)
        os.truncate(f"/dev/shm/tl_cut_{os.getpid()}", 0)
        for _ in range(2):
            with pytest.raises(InferenceServerException, match="truncated by its owner"):
                client.infer("simple", inputs_in(library, "cut"))
        with pytest.raises(InferenceServerException, match="truncated by its owner"):
            client.infer("simple", inputs_in(library, "whole"), outputs=outputs_in(library, "cut"))
        answer = client.infer("simple", inputs_in(library, "whole"))
        np.testing.assert_array_equal(answer.as_numpy("OUTPUT0")[0], first + second)
        os.truncate(f"/dev/shm/tl_cut_{os.getpid()}", 1 << 16)  # Its owner's own mapping is used again below.


def test_cuda_needs_a_gpu(client: Any) -> None:
    with pytest.raises(InferenceServerException, match="GPUs not supported"):
        client.register_cuda_shared_memory("gpu", b"A" * 88, 0, 64)
    client.unregister_cuda_shared_memory()


def test_keys_that_clients_may_not_name(client: Any) -> None:
    Path(f"/dev/shm/triton_python_backend_shm_region_{os.getpid()}").write_bytes(bytes(64))
    try:
        with pytest.raises(InferenceServerException, match="contains the reserved prefix"):
            client.register_system_shared_memory("r", f"/triton_python_backend_shm_region_{os.getpid()}", 64)
    finally:
        os.unlink(f"/dev/shm/triton_python_backend_shm_region_{os.getpid()}")
    with pytest.raises(InferenceServerException, match="invalid shm key"):
        client.register_system_shared_memory("r", "//", 64)


def test_nobody_may_where_it_is_disabled(tmp_path: Path, library: Any) -> None:
    repository = make_models(tmp_path)
    arguments = ["--model-control-mode=explicit", "--load-model=simple", "--allow-client-shm=false"]
    with (
        serve(f"--model-repository={repository}", *arguments) as disabled,
        connect(disabled, library) as client,
        region("never", SIZE),
    ):
        for refused in (
            lambda: register(client, "never", SIZE),
            client.unregister_system_shared_memory,
            lambda: client.register_cuda_shared_memory("never", b"A" * 88, 0, SIZE),
            client.unregister_cuda_shared_memory,
        ):
            with pytest.raises(InferenceServerException, match="Client shared memory is disabled"):
                refused()
        client.get_system_shared_memory_status()
        with pytest.raises(InferenceServerException, match="Unable to find shared memory region: 'never'"):
            client.infer("simple", inputs_in(library, "never"))
