"""Clients of CUDA regions on GPUs that are fake, and servers for them."""

from __future__ import annotations

import contextlib
import os
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import tritonclient.grpc as grpcclient
import tritonclient.http as httpclient
import tritonclient.utils.shared_memory as shm
from fake_cuda import Control, DeviceRegion
from golden_server import make_models
from server_process import ServerProcess, serve
from tritonclient.utils import serialize_byte_tensor

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
