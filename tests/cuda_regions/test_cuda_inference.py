"""Tensors in CUDA regions.

Device memory cannot be touched by the server but by the driver's copies, which happen no sooner than the server waits
for them.
"""

from __future__ import annotations

import threading
from typing import Any

import numpy as np
import pytest
import tritonclient.grpc as grpcclient
import tritonclient.http as httpclient
import tritonclient.utils.shared_memory as shm
from cuda_clients import (
    FIRST,
    LIBRARIES,
    SECOND,
    SIZE,
    TO_HOST,
    bytes_tensor,
    connect,
    inputs_in,
    outputs_in,
    plain,
    region_output,
    region_tensor,
    register,
    status_of,
    system_region,
    wait_for,
)
from fake_cuda import Control, device_region
from server_process import ServerProcess
from tritonclient.utils import InferenceServerException


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
