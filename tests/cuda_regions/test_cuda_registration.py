"""What clients register, and what they may not."""

from __future__ import annotations

import base64
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tritonclient.http as httpclient
from cuda_clients import (
    FIRST,
    OPEN,
    SECOND,
    SIZE,
    connect,
    inputs_in,
    register,
    serve_models,
    status_of,
    system_region,
    wait_for,
)
from fake_cuda import HANDLE_BYTES, Control, device_region
from server_process import ServerProcess, serve
from tritonclient.utils import InferenceServerException


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
def test_handles_of_another_length(client: Any, library: Any, gpus: Control, byte_size: int) -> None:
    # Triton looks at the length over HTTP alone; over gRPC CUDA refuses what is there.
    text = "'raw_handle' must be" if library is httpclient else "failed to register shared memory region: invalid args"
    with pytest.raises(InferenceServerException, match=text):
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
        text = "failed to register shared memory region: invalid args"
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
