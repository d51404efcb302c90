"""CUDA shared memory with NVIDIA's own client, over both protocols, on GPUs that are fake (tests/native/fake_cuda).

What is device memory here cannot be touched by the server but by the driver's copies, which happen no sooner than the
server waits for them; and the driver fails whichever call a test wants to fail.
"""

from __future__ import annotations

import base64
import contextlib
import os
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tritonclient.grpc as grpcclient
import tritonclient.http as httpclient
import tritonclient.utils.shared_memory as shm
from fake_cuda import HANDLE_BYTES, OUT_OF_MEMORY, Control, DeviceRegion, device_region
from golden_server import make_models
from server_process import ServerProcess, serve
from tritonclient.utils import InferenceServerException, serialize_byte_tensor

LIBRARIES = {"http": httpclient, "grpc": grpcclient}
SIZE = 64  # Bytes of a tensor of the model `simple`.
FIRST, SECOND = np.arange(16, dtype=np.int32), np.full(16, 3, np.int32)
LOADED = ("simple", "identity_fp32", "identity_bytes", "classifier", "ensemble_addsub", "dynbatch", "cached", "slow")
TO_HOST, TO_DEVICE, SYNCHRONIZE = "cuMemcpyDtoHAsync_v2", "cuMemcpyHtoDAsync_v2", "cuStreamSynchronize"
OPEN, CLOSE = "cuIpcOpenMemHandle_v2", "cuIpcCloseMemHandle"
GIVEN_BACK = ("allocations", "handles", "contexts", "copies")  # Streams and pinned blocks may be kept for later.
_SLOW = """\
backend: "identity"
max_batch_size: 0
parameters [ { key: "execute_delay_ms" value: { string_value: "500" } } ]
input [ { name: "INPUT0" data_type: TYPE_FP32 dims: [ 16 ] } ]
output [ { name: "OUTPUT0" data_type: TYPE_FP32 dims: [ 16 ] } ]
"""


def make_repository(folder: Path) -> Path:
    make_models(folder)
    (folder / "slow" / "1").mkdir(parents=True)
    (folder / "slow" / "config.pbtxt").write_text(_SLOW)
    return folder


@contextlib.contextmanager
def serve_models(repository: Path, gpus: Control, devices: int = 2, *flags: str, **env: str) -> Iterator[ServerProcess]:
    arguments = ["--model-control-mode=explicit", "--cache-config=local,size=1048576", *flags]
    arguments += [f"--load-model={name}" for name in LOADED]
    with serve(f"--model-repository={repository}", *arguments, **gpus.environment(devices), **env) as running:
        yield running


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_repository(tmp_path_factory.mktemp("models"))


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Control:
    return Control(tmp_path_factory.mktemp("gpus") / "control")


@pytest.fixture(scope="module")
def server(repository: Path, machine: Control) -> Iterator[ServerProcess]:
    with serve_models(repository, machine) as running:
        yield running


@pytest.fixture(params=["http", "grpc"])
def library(request: pytest.FixtureRequest) -> Any:
    return LIBRARIES[request.param]


@pytest.fixture
def gpus(server: ServerProcess, machine: Control) -> Iterator[Control]:
    """The server's GPUs. A test leaves nothing on them, and no call was wrong that was not meant to be."""
    machine.provoked = set()
    refused, before = machine.refused(), machine.live()
    yield machine
    machine.clear()
    with connect(server, grpcclient) as client:
        client.unregister_cuda_shared_memory()
        client.unregister_system_shared_memory()
    wait_until_given_back(machine, before)
    wrong = {name for name, count in machine.refused().items() if count != refused.get(name, 0)}
    assert wrong <= machine.provoked


@pytest.fixture
def client(server: ServerProcess, gpus: Control, library: Any) -> Iterator[Any]:
    with connect(server, library) as connected:
        yield connected


def connect(server: ServerProcess, library: Any) -> Any:
    return library.InferenceServerClient(server.http if library is httpclient else server.grpc)


def wait_for(condition: Callable[[], bool], what: Callable[[], Any]) -> None:
    """Ask again until it is so; fails after a while, and shows `what`."""
    deadline = time.monotonic() + 20
    pause = threading.Event()
    while not condition():
        assert time.monotonic() < deadline, what()
        pause.wait(0.005)


def wait_until_given_back(gpus: Control, before: dict[str, int] | None = None) -> None:
    """A request may be answered a moment before it lets go of what it used."""
    expected = before or dict.fromkeys(GIVEN_BACK, 0)
    wait_for(lambda: all(gpus.live()[kind] == expected[kind] for kind in GIVEN_BACK), gpus.live)


def register(client: Any, name: str, region: DeviceRegion, byte_size: int | None = None) -> None:
    size = region.byte_size if byte_size is None else byte_size
    client.register_cuda_shared_memory(name, region.raw_handle, region.device.ordinal, size)


@contextlib.contextmanager
def system_region(client: Any, name: str, byte_size: int) -> Iterator[Any]:
    key = f"/tl_cuda_{name}_{os.getpid()}"
    handle = shm.create_shared_memory_region(name, key, byte_size)
    try:
        client.register_system_shared_memory(name, key, byte_size)
        yield handle
    finally:
        shm.destroy_shared_memory_region(handle)


def inputs_in(library: Any, first: str, second: str | None = None, offset: int = 0) -> list[Any]:
    """Both inputs of `simple`: one behind the other in one region, or each in its own."""
    inputs = [library.InferInput(f"INPUT{i}", [1, 16], "INT32") for i in range(2)]
    inputs[0].set_shared_memory(first, SIZE, offset)
    inputs[1].set_shared_memory(second or first, SIZE, offset if second else offset + SIZE)
    return inputs


def outputs_in(library: Any, name: str, offset: int = 0, byte_size: int = SIZE) -> list[Any]:
    outputs = [library.InferRequestedOutput(f"OUTPUT{i}") for i in range(2)]
    for i, output in enumerate(outputs):
        output.set_shared_memory(name, byte_size, offset + i * byte_size)
    return outputs


def plain(library: Any, name: str, values: np.ndarray, datatype: str = "INT32") -> Any:
    one = library.InferInput(name, list(values.shape), datatype)
    one.set_data_from_numpy(values)
    return one


def region_tensor(library: Any, name: str, shape: list[int], datatype: str, region: str, byte_size: int) -> Any:
    one = library.InferInput(name, shape, datatype)
    one.set_shared_memory(region, byte_size)
    return one


def region_output(library: Any, name: str, region: str, byte_size: int, offset: int = 0, class_count: int = 0) -> Any:
    one = library.InferRequestedOutput(name, class_count=class_count)
    one.set_shared_memory(region, byte_size, offset)
    return one


def status_of(client: Any, name: str = "") -> dict[str, tuple[int, int]]:
    """Device and size of the registered regions."""
    status = client.get_cuda_shared_memory_status(name)
    regions = status.regions.values() if hasattr(status, "regions") else None
    if regions is not None:
        return {one.name: (one.device_id, one.byte_size) for one in regions}
    return {one["name"]: (one["device_id"], one["byte_size"]) for one in status}


def bytes_tensor(values: list[bytes]) -> bytes:
    tensor: bytes = serialize_byte_tensor(np.array(values, dtype=object)).item()
    return tensor


# What clients register.


def test_status(client: Any, gpus: Control) -> None:
    with device_region(100) as one, device_region(8192, 1) as two:
        register(client, "one", one)
        register(client, "two", two, 4096)
        assert status_of(client) == {"one": (0, 100), "two": (1, 4096)}
        assert status_of(client, "two") == {"two": (1, 4096)}
        assert gpus.live()["handles"] == 2
        with pytest.raises(InferenceServerException, match="Unable to find cuda shared memory region: 'three'"):
            status_of(client, "three")
        client.unregister_cuda_shared_memory("one")
        assert status_of(client) == {"two": (1, 4096)}
        assert gpus.live()["handles"] == 1
        client.unregister_cuda_shared_memory("none such")
        client.unregister_cuda_shared_memory()
        assert status_of(client) == {}
        assert gpus.live()["handles"] == 0


def test_one_name_for_both_kinds(client: Any) -> None:
    already = "shared memory region '{}' already in manager"
    with device_region(SIZE) as device, system_region(client, "system", SIZE):
        register(client, "device", device)
        for name in ("device", "system"):
            with pytest.raises(InferenceServerException, match=already.format(name)):
                register(client, name, device)
            with pytest.raises(InferenceServerException, match=already.format(name)):
                client.register_system_shared_memory(name, f"/tl_cuda_system_{os.getpid()}", SIZE)
        with pytest.raises(InferenceServerException, match="'system' is registered as system shared memory, not CUDA"):
            status_of(client, "system")
        with pytest.raises(InferenceServerException, match="'device' is registered as CUDA shared memory, not system"):
            client.get_system_shared_memory_status("device")
        # Neither kind is found by the other's requests.
        client.unregister_cuda_shared_memory("system")
        client.unregister_system_shared_memory("device")
        client.unregister_system_shared_memory()
        assert status_of(client) == {"device": (0, SIZE)}
        client.unregister_cuda_shared_memory()
        with pytest.raises(InferenceServerException, match="Unable to find cuda shared memory region: 'device'"):
            status_of(client, "device")


def test_one_handle_under_several_names(client: Any, library: Any, gpus: Control) -> None:
    with device_region(2 * SIZE) as region:
        region.write(FIRST, SECOND)
        register(client, "first", region)
        register(client, "second", region)
        inputs = inputs_in(library, "first")
        inputs[1].set_shared_memory("second", SIZE, SIZE)
        np.testing.assert_array_equal(client.infer("simple", inputs).as_numpy("OUTPUT0")[0], FIRST + SECOND)
        client.unregister_cuda_shared_memory("first")
        wait_for(lambda: gpus.live()["handles"] == 1, gpus.live)
        answer = client.infer("simple", inputs_in(library, "second"))
        np.testing.assert_array_equal(answer.as_numpy("OUTPUT0")[0], FIRST + SECOND)
        with pytest.raises(InferenceServerException, match="Unable to find shared memory region: 'first'"):
            client.infer("simple", inputs)


@pytest.mark.parametrize("device", [2, 7, 2**31, 2**32])
def test_devices_that_are_not_there(client: Any, gpus: Control, device: int) -> None:
    gpus.provoked = {"cuDeviceGet", "cuDevicePrimaryCtxRetain"}
    with device_region(SIZE) as region:
        with pytest.raises(InferenceServerException, match=r"failed to register shared memory region.*invalid args"):
            client.register_cuda_shared_memory("region", region.raw_handle, device, SIZE)
        assert status_of(client) == {}


def test_negative_devices(client: Any) -> None:
    with device_region(SIZE) as region:
        with pytest.raises(InferenceServerException):
            client.register_cuda_shared_memory("region", region.raw_handle, -1, SIZE)
        assert status_of(client) == {}


@pytest.mark.parametrize("byte_size", [0, 1, HANDLE_BYTES - 1, HANDLE_BYTES + 1, 4096])
def test_handles_of_another_length(client: Any, gpus: Control, byte_size: int) -> None:
    with pytest.raises(InferenceServerException, match="'raw_handle' must be a valid"):
        client.register_cuda_shared_memory("region", base64.b64encode(b"h" * byte_size), 0, SIZE)
    assert status_of(client) == {}


def test_bad_handles(client: Any, gpus: Control) -> None:
    gpus.provoked = {OPEN}
    with device_region(SIZE) as region:
        stale = region.raw_handle
    for handle in (stale, base64.b64encode(b"A" * HANDLE_BYTES), base64.b64encode(bytes(HANDLE_BYTES))):
        with pytest.raises(InferenceServerException, match="failed to register shared memory region: invalid args"):
            client.register_cuda_shared_memory("region", handle, 0, SIZE)
    assert status_of(client) == {}
    with device_region(SIZE) as region:  # The name is free still.
        register(client, "region", region)


@pytest.mark.parametrize("byte_size", [SIZE + 1, 2**40, 2**63])
def test_more_bytes_than_there_are(client: Any, gpus: Control, byte_size: int) -> None:
    with device_region(SIZE) as region:
        text = "failed to register shared memory region 'region': invalid args"
        with pytest.raises(InferenceServerException, match=text):
            register(client, "region", region, byte_size)
        assert gpus.live()["handles"] == 0
        register(client, "region", region)


# Requests with inputs and outputs on the device.


def test_inputs_and_outputs(client: Any, library: Any) -> None:
    with device_region(2 * SIZE) as source, device_region(2 * SIZE, 1) as target:
        source.write(FIRST, SECOND)
        register(client, "in", source)
        register(client, "out", target)
        answer = client.infer("simple", inputs_in(library, "in"), outputs=outputs_in(library, "out"))
        assert answer.get_output("OUTPUT0") is not None
        np.testing.assert_array_equal(target.read(np.int32, 16), FIRST + SECOND)
        np.testing.assert_array_equal(target.read(np.int32, 16, SIZE), FIRST - SECOND)
        answer = client.infer("simple", inputs_in(library, "in"))
        np.testing.assert_array_equal(answer.as_numpy("OUTPUT0")[0], FIRST + SECOND)
        source.write(SECOND, SECOND)
        answer = client.infer("simple", inputs_in(library, "in"))
        np.testing.assert_array_equal(answer.as_numpy("OUTPUT0")[0], SECOND + SECOND)


def test_large_floats(client: Any, library: Any) -> None:
    values = np.random.default_rng(0).random(1 << 20, np.float32)
    with device_region(values.nbytes) as source, device_region(values.nbytes) as target:
        source.write(values)
        register(client, "in", source)
        register(client, "out", target)
        one = region_tensor(library, "INPUT0", [1, values.size], "FP32", "in", values.nbytes)
        np.testing.assert_array_equal(client.infer("identity_fp32", [one]).as_numpy("OUTPUT0")[0], values)
        # Into another region, and over the input.
        for name, region in (("out", target), ("in", source)):
            output = region_output(library, "OUTPUT0", name, values.nbytes)
            client.infer("identity_fp32", [one], outputs=[output])
            np.testing.assert_array_equal(region.read(np.float32, values.size), values)


def test_strings(client: Any, library: Any) -> None:
    values = [b"alpha", b"", b"gamma"]
    tensor = bytes_tensor(values)
    with device_region(256) as region:
        region.write(tensor)
        register(client, "strings", region)
        one = region_tensor(library, "INPUT0", [1, 3], "BYTES", "strings", len(tensor))
        assert client.infer("identity_bytes", [one]).as_numpy("OUTPUT0").tolist() == [values]
        client.infer("identity_bytes", [one], outputs=[region_output(library, "OUTPUT0", "strings", 128, 128)])
        assert region.device.read(region.pointer + 128, len(tensor)) == tensor
        region.write(b"\xff\xff\xff\x7f")  # A length that is a lie.
        with pytest.raises(InferenceServerException, match="expected 3 string elements for inference input"):
            client.infer("identity_bytes", [one])


def test_with_other_memory(client: Any, library: Any) -> None:
    with device_region(2 * SIZE) as device, system_region(client, "system", 2 * SIZE) as system:
        register(client, "device", device)
        device.write(FIRST)
        shm.set_shared_memory_region(system, [SECOND])
        for second in (plain(library, "INPUT1", SECOND[None]), inputs_in(library, "device", "system")[1]):
            inputs = [inputs_in(library, "device")[0], second]
            outputs = [
                region_output(library, "OUTPUT0", "device", SIZE, SIZE),
                region_output(library, "OUTPUT1", "system", SIZE, SIZE),
            ]
            device.write(bytes(SIZE), offset=SIZE)
            shm.set_shared_memory_region(system, [np.zeros(16, np.int32)], SIZE)
            client.infer("simple", inputs, outputs=outputs)
            np.testing.assert_array_equal(device.read(np.int32, 16, SIZE), FIRST + SECOND)
            np.testing.assert_array_equal(shm.get_contents_as_numpy(system, np.int32, [16], SIZE), FIRST - SECOND)
            outputs[1] = library.InferRequestedOutput("OUTPUT1")
            answer = client.infer("simple", inputs, outputs=outputs)
            np.testing.assert_array_equal(answer.as_numpy("OUTPUT1")[0], FIRST - SECOND)
        inputs = [plain(library, "INPUT0", FIRST[None]), plain(library, "INPUT1", SECOND[None])]
        client.infer("simple", inputs, outputs=outputs_in(library, "device"))
        np.testing.assert_array_equal(device.read(np.int32, 16), FIRST + SECOND)


def test_offsets(client: Any, library: Any) -> None:
    with device_region(1000) as region:
        register(client, "region", region, 900)
        region.write(FIRST, SECOND, offset=37)
        client.infer("simple", inputs_in(library, "region", offset=37), outputs=outputs_in(library, "region", 771))
        np.testing.assert_array_equal(region.read(np.int32, 16, 771), FIRST + SECOND)
        np.testing.assert_array_equal(region.read(np.int32, 16, 771 + SIZE), FIRST - SECOND)
        assert not region.read(np.uint8, 1000)[771 + 2 * SIZE :].any()  # Not a byte more.
        with pytest.raises(InferenceServerException, match=r"Invalid offset \+ byte size for shared memory region"):
            client.infer("simple", inputs_in(library, "region", offset=900 - 2 * SIZE + 1))
        with pytest.raises(InferenceServerException, match="Invalid offset for shared memory region: 'region'"):
            client.infer("simple", inputs_in(library, "region", offset=900))
        with pytest.raises(InferenceServerException, match="Invalid offset"):
            client.infer("simple", inputs_in(library, "region", offset=37), outputs=outputs_in(library, "region", 900))


def test_sizes_that_do_not_fit(client: Any, library: Any) -> None:
    with device_region(4 * SIZE) as region:
        register(client, "region", region)
        region.write(FIRST, SECOND)
        with pytest.raises(InferenceServerException, match=r"\(32 bytes\) should be at least 64 bytes to hold"):
            client.infer("simple", inputs_in(library, "region"), outputs=outputs_in(library, "region", 128, 32))
        assert not region.read(np.uint8, 2 * SIZE, 2 * SIZE).any()
        inputs = inputs_in(library, "region")
        inputs[1].set_shared_memory("region", 2 * SIZE, SIZE)
        with pytest.raises(InferenceServerException, match="Expected 64, got 128"):
            client.infer("simple", inputs)
        client.infer("simple", inputs_in(library, "region"), outputs=outputs_in(library, "region", 128))
        np.testing.assert_array_equal(region.read(np.int32, 16, 128), FIRST + SECOND)


def test_every_process_sees_every_region(server: ServerProcess, gpus: Control) -> None:
    with device_region(4 * SIZE) as region:
        region.write(FIRST, SECOND)
        with connect(server, httpclient) as one:
            register(one, "shared", region)
        for library in LIBRARIES.values():
            for _ in range(4):
                region.write(bytes(2 * SIZE), offset=2 * SIZE)
                with connect(server, library) as other:
                    other.infer("simple", inputs_in(library, "shared"), outputs=outputs_in(library, "shared", 2 * SIZE))
                np.testing.assert_array_equal(region.read(np.int32, 16, 2 * SIZE), FIRST + SECOND)
        assert gpus.live()["handles"] == 1
        with connect(server, grpcclient) as one:
            one.unregister_cuda_shared_memory("shared")
        for library in LIBRARIES.values():
            with (
                connect(server, library) as other,
                pytest.raises(InferenceServerException, match="Unable to find shared memory region: 'shared'"),
            ):
                other.infer("simple", inputs_in(library, "shared"))


def test_classification(client: Any, library: Any) -> None:
    """Of an input on the device. No client can have the classes put into a region."""
    values = np.array([[1, 2, 3, 8]], np.float32)
    with device_region(values.nbytes) as region:
        region.write(values)
        register(client, "region", region)
        one = region_tensor(library, "INPUT0", [1, 4], "FP32", "region", values.nbytes)
        output = library.InferRequestedOutput("OUTPUT0", class_count=2)
        answer = client.infer("classifier", [one], outputs=[output]).as_numpy("OUTPUT0")
        assert answer.ravel().tolist() == [b"8.000000:3:date", b"3.000000:2:cherry"]


def test_ensemble(client: Any, library: Any) -> None:
    with device_region(2 * SIZE) as source, device_region(2 * SIZE) as target:
        source.write(FIRST, SECOND)
        register(client, "in", source)
        register(client, "out", target)
        client.infer("ensemble_addsub", inputs_in(library, "in"), outputs=outputs_in(library, "out"))
        np.testing.assert_array_equal(target.read(np.int32, 16), 2 * FIRST)
        np.testing.assert_array_equal(target.read(np.int32, 16, SIZE), 2 * SECOND)


def test_answers_from_the_cache(client: Any, library: Any, gpus: Control) -> None:
    values = np.full((1, 4), 5 if library is httpclient else 6, np.float32)
    with device_region(2 * SIZE) as region:
        register(client, "region", region)
        output = region_output(library, "OUTPUT0", "region", 16, SIZE)
        for _ in range(2):  # The second one is a hit.
            region.write(bytes(2 * SIZE))
            client.infer("cached", [plain(library, "INPUT0", values, "FP32")], outputs=[output])
            np.testing.assert_array_equal(region.read(np.float32, 4, SIZE), values[0] + 40)
        # What lies on a device is no key: it is not looked at.
        one = region_tensor(library, "INPUT0", [1, 4], "FP32", "region", 16)
        for number in range(2):
            region.write(values + number)
            answer = client.infer("cached", [one])
            np.testing.assert_array_equal(answer.as_numpy("OUTPUT0"), values + number + 40)


def test_unregistered_while_a_request_runs(server: ServerProcess, client: Any, library: Any, gpus: Control) -> None:
    values = np.arange(16, dtype=np.float32)
    with device_region(2 * SIZE) as region, grpcclient.InferenceServerClient(server.grpc) as runner:
        region.write(values)
        register(client, "region", region)
        one = region_tensor(grpcclient, "INPUT0", [16], "FP32", "region", SIZE)
        output = region_output(grpcclient, "OUTPUT0", "region", SIZE, SIZE)
        done: list[Any] = []
        answered = threading.Event()

        def on_answer(result: Any, error: Any) -> None:
            done.append(error)
            answered.set()

        copies = gpus.calls(TO_HOST)
        runner.async_infer("slow", [one], on_answer, outputs=[output])
        wait_for(lambda: gpus.calls(TO_HOST) > copies, gpus.live)  # The model has its input, or is about to.
        client.unregister_cuda_shared_memory("region")
        with pytest.raises(InferenceServerException, match="already in manager"):  # It stays while it is in use.
            register(client, "region", region)
        assert answered.wait(20)
        assert done == [None]
        with pytest.raises(InferenceServerException, match="Unable to find shared memory region: 'region'"):
            client.infer("slow", [region_tensor(library, "INPUT0", [16], "FP32", "region", SIZE)])
        np.testing.assert_array_equal(region.read(np.float32, 16, SIZE), values)
        wait_for(lambda: gpus.live()["handles"] == 0, gpus.live)
        assert status_of(client) == {}


def test_memory_that_its_owner_frees(client: Any, library: Any, gpus: Control) -> None:
    gpus.provoked = {SYNCHRONIZE, TO_HOST}
    with device_region(2 * SIZE) as kept:
        kept.write(FIRST, SECOND)
        register(client, "kept", kept)
        with device_region(2 * SIZE) as freed:
            register(client, "freed", freed)
        for _ in range(2):
            with pytest.raises(InferenceServerException, match="illegal memory access"):
                client.infer("simple", inputs_in(library, "freed"))
            with pytest.raises(InferenceServerException, match="illegal memory access"):
                client.infer("simple", inputs_in(library, "kept"), outputs=outputs_in(library, "freed"))
        answer = client.infer("simple", inputs_in(library, "kept"))
        np.testing.assert_array_equal(answer.as_numpy("OUTPUT0")[0], FIRST + SECOND)


# A driver that fails.


@pytest.mark.parametrize("function", [OPEN, "cuMemGetAddressRange_v2", "cuCtxPushCurrent_v2"])
def test_registering_fails(client: Any, library: Any, gpus: Control, function: str) -> None:
    with device_region(2 * SIZE) as region:
        region.write(FIRST, SECOND)
        gpus.fail(function)
        before = gpus.injected(function)
        with pytest.raises(InferenceServerException, match="failed to register shared memory region"):
            register(client, "region", region)
        assert gpus.injected(function) == before + 1
        assert status_of(client) == {}
        assert gpus.live()["handles"] == 0
        register(client, "region", region)
        answer = client.infer("simple", inputs_in(library, "region"))
        np.testing.assert_array_equal(answer.as_numpy("OUTPUT0")[0], FIRST + SECOND)


def calls_of(gpus: Control, request: Callable[[], Any]) -> dict[str, int]:
    """How often `request` has the server call each function of the driver."""
    before = gpus.all_calls()
    request()
    return {name: count - before[name] for name, count in gpus.all_calls().items() if count > before[name]}


def test_requests_fail_call_by_call(client: Any, library: Any, gpus: Control) -> None:
    gpus.provoked = {SYNCHRONIZE}  # Where the context could not be entered.
    with device_region(4 * SIZE) as region:
        register(client, "region", region)

        def infer() -> None:
            outputs = outputs_in(library, "region", 2 * SIZE)
            client.infer("simple", inputs_in(library, "region"), outputs=outputs)

        def request() -> None:
            region.write(FIRST, SECOND, bytes(2 * SIZE))
            infer()
            np.testing.assert_array_equal(region.read(np.int32, 16, 2 * SIZE), FIRST + SECOND)
            np.testing.assert_array_equal(region.read(np.int32, 16, 3 * SIZE), FIRST - SECOND)

        request()  # What is made once is there.
        calls = calls_of(gpus, request)
        assert {TO_HOST, TO_DEVICE, SYNCHRONIZE} <= calls.keys()
        kept = gpus.live()
        # A context that cannot be popped stays: nothing that the server could do.
        for function in calls.keys() - {"cuCtxPopCurrent_v2"}:
            for nth_call in range(1, calls[function] + 1):
                injected = gpus.injected(function)
                gpus.fail(function, nth_call)
                try:
                    request()
                except InferenceServerException as error:
                    assert "unspecified launch failure" in error.message(), (function, nth_call)
                assert gpus.live()["copies"] == 0, (function, nth_call)  # Into memory that is not there any more.
                assert gpus.injected(function) == injected + 1, (function, nth_call)
                request()
        # Inputs of a batch that could not be copied together are copied once more, each alone.
        for function in (TO_HOST, TO_DEVICE, SYNCHRONIZE):
            gpus.fail(function, 0)
            with pytest.raises(InferenceServerException, match="unspecified launch failure"):
                infer()
            gpus.clear()
            request()
        assert gpus.live() == kept


def test_closing_fails(repository: Path, tmp_path: Path, library: Any) -> None:
    """On a server of its own: what cannot be closed stays open."""
    gpus = Control(tmp_path / "control")
    with serve_models(repository, gpus) as fresh, connect(fresh, library) as client, device_region(2 * SIZE) as region:
        region.write(FIRST, SECOND)
        register(client, "region", region)
        gpus.fail(CLOSE)
        client.unregister_cuda_shared_memory("region")
        assert gpus.injected(CLOSE) == 1
        assert status_of(client) == {}
        text = "failed to close CUDA IPC handle: unspecified launch failure"
        wait_for(lambda: text in fresh.text(), fresh.text)
        register(client, "region", region)
        answer = client.infer("simple", inputs_in(library, "region"))
        np.testing.assert_array_equal(answer.as_numpy("OUTPUT0")[0], FIRST + SECOND)
        client.unregister_cuda_shared_memory()
        wait_for(lambda: gpus.live()["handles"] == 1, gpus.live)


@pytest.mark.parametrize("function", ["cuStreamCreate", "cuMemHostAlloc", "cuDevicePrimaryCtxRetain"])
def test_what_is_made_once_fails(repository: Path, tmp_path: Path, function: str) -> None:
    gpus = Control(tmp_path / "control")
    with (
        serve_models(repository, gpus) as fresh,
        connect(fresh, grpcclient) as client,
        device_region(2 * SIZE) as region,
    ):
        region.write(FIRST, SECOND)

        def request() -> None:
            if not status_of(client):
                register(client, "region", region)
            answer = client.infer("simple", inputs_in(grpcclient, "region"))
            np.testing.assert_array_equal(answer.as_numpy("OUTPUT0")[0], FIRST + SECOND)

        gpus.fail(function, code=OUT_OF_MEMORY)
        with contextlib.suppress(InferenceServerException):  # It may do without.
            request()
        assert gpus.injected(function) == 1
        request()
        client.unregister_cuda_shared_memory()
        wait_until_given_back(gpus)


# Many at a time.


def test_many_clients(repository: Path, tmp_path: Path) -> None:
    """With a driver that copies at any time."""
    gpus = Control(tmp_path / "control")
    failures: list[BaseException] = []

    def work(server: ServerProcess, number: int) -> None:
        library = (httpclient, grpcclient)[number % 2]
        try:
            with connect(server, library) as client, device_region(4 * SIZE, number % 2) as region:
                for round_number in range(25):
                    name = f"region{number}"
                    register(client, name, region)
                    first = FIRST + number * 1000 + round_number
                    region.write(first, SECOND, bytes(2 * SIZE))
                    client.infer("simple", inputs_in(library, name), outputs=outputs_in(library, name, 2 * SIZE))
                    np.testing.assert_array_equal(region.read(np.int32, 16, 2 * SIZE), first + SECOND)
                    np.testing.assert_array_equal(region.read(np.int32, 16, 3 * SIZE), first - SECOND)
                    floats = first[:4].astype(np.float32)
                    region.write(floats)
                    batched = region_tensor(library, "INPUT0", [1, 4], "FP32", name, 16)
                    client.infer("dynbatch", [batched], outputs=[region_output(library, "OUTPUT0", name, 16, SIZE)])
                    np.testing.assert_array_equal(region.read(np.float32, 4, SIZE), floats + 10)
                    client.unregister_cuda_shared_memory(name)
        except BaseException as error:
            failures.append(error)

    with serve_models(repository, gpus, FAKE_CUDA_ASYNC="thread") as server:
        threads = [threading.Thread(target=work, args=(server, number)) for number in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert failures == []
        wait_until_given_back(gpus)
        assert gpus.refused() == {}
    assert server.process.returncode == 0


def test_nothing_is_made_for_each_request(client: Any, library: Any, gpus: Control) -> None:
    with device_region(4 * SIZE) as region:
        region.write(FIRST, SECOND)
        register(client, "region", region)

        def requests() -> None:
            for _ in range(20):
                client.infer("simple", inputs_in(library, "region"), outputs=outputs_in(library, "region", 2 * SIZE))

        requests()
        kept = gpus.live()
        made = {"cuStreamCreate", "cuStreamDestroy_v2", "cuMemHostAlloc", "cuMemFreeHost", OPEN, CLOSE}
        assert not made & calls_of(gpus, requests).keys()
        assert gpus.live() == kept


# Servers that may not, or cannot.


@pytest.mark.skipif(Path("/dev/nvidiactl").exists(), reason="there is a driver")
def test_no_driver(repository: Path, library: Any) -> None:
    with serve(f"--model-repository={repository}", "--model-control-mode=explicit") as server:
        refused_without_gpus(server, library)


def test_driver_without_devices(repository: Path, tmp_path: Path, library: Any) -> None:
    gpus = Control(tmp_path / "control")
    with serve_models(repository, gpus, 0) as server:
        refused_without_gpus(server, library)


def refused_without_gpus(server: ServerProcess, library: Any) -> None:
    with connect(server, library) as client, device_region(SIZE) as region:
        text = "failed to register CUDA shared memory region: 'region', GPUs not supported"
        with pytest.raises(InferenceServerException, match=text):
            register(client, "region", region)
        assert status_of(client) == {}
        client.unregister_cuda_shared_memory("region")
        client.unregister_cuda_shared_memory()


def test_nobody_may_where_it_is_disabled(repository: Path, tmp_path: Path, library: Any) -> None:
    gpus = Control(tmp_path / "control")
    with (
        serve_models(repository, gpus, 1, "--allow-client-shm=false") as server,
        connect(server, library) as client,
        device_region(SIZE) as region,
    ):
        for refused in (lambda: register(client, "never", region), client.unregister_cuda_shared_memory):
            with pytest.raises(InferenceServerException, match="Client shared memory is disabled"):
                refused()
        assert status_of(client) == {}
        assert gpus.calls(OPEN) == 0
