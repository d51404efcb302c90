"""Clients and their memory: regions on the GPU by tritonclient's own module, and tensors that lie in them."""

from __future__ import annotations

import contextlib
import ctypes
import itertools
import os
from collections.abc import Iterator
from typing import Any

import numpy as np
import tritonclient.grpc as grpcclient
import tritonclient.http as httpclient
import tritonclient.utils.cuda_shared_memory as cuda_shm
import tritonclient.utils.shared_memory as shm
from server_process import ServerProcess

SECONDS = 60
CONNECTIONS = 4
_numbers = itertools.count()


def connect(server: ServerProcess, library: Any) -> Any:
    """A client that gives up on a server that does not answer."""
    if library is grpcclient:
        return GrpcClient(server.grpc)
    return httpclient.InferenceServerClient(
        server.http, connection_timeout=SECONDS, network_timeout=SECONDS, concurrency=CONNECTIONS
    )


class GrpcClient(grpcclient.InferenceServerClient):
    """Every call of it ends."""

    def infer(self, *arguments: Any, **options: Any) -> Any:
        return super().infer(*arguments, client_timeout=SECONDS, **options)


class GpuRegion:
    """Memory of a GPU that this process shares with servers, who know it by `name`."""

    def __init__(self, byte_size: int, device_id: int = 0) -> None:
        """Allocate it, all zeros."""
        self.name = f"gpu_{os.getpid()}_{next(_numbers)}"
        self.byte_size = byte_size
        self.device_id = device_id
        self._handle = cuda_shm.create_shared_memory_region(self.name, byte_size, device_id)
        self.write(np.zeros(byte_size, np.uint8))

    @property
    def raw_handle(self) -> bytes:
        """The handle for other processes, in base64."""
        handle: bytes = cuda_shm.get_raw_handle(self._handle)
        return handle

    def write(self, *values: np.ndarray[Any, Any], offset: int = 0) -> None:
        """Write `values` one behind the other, from `offset` on; what lies before is kept."""
        before = [self.read(np.uint8, offset)] if offset else []
        cuda_shm.set_shared_memory_region(self._handle, [*before, *(np.ascontiguousarray(value) for value in values)])

    def read(self, dtype: Any, count: int, offset: int = 0) -> np.ndarray[Any, Any]:
        """Read `count` numbers from `offset` on."""
        whole = cuda_shm.get_contents_as_numpy(self._handle, np.uint8, [self.byte_size])
        return np.frombuffer(whole[offset : offset + count * np.dtype(dtype).itemsize].tobytes(), dtype)

    def register(self, client: Any, name: str = "", byte_size: int = 0) -> None:
        """Tell a server of it, under `name` or its own, as `byte_size` bytes or all."""
        client.register_cuda_shared_memory(
            name or self.name, self.raw_handle, self.device_id, byte_size or self.byte_size
        )

    def free(self) -> None:
        """Free the memory."""
        cuda_shm.destroy_shared_memory_region(self._handle)
        del self._handle


@contextlib.contextmanager
def gpu_region(client: Any, byte_size: int) -> Iterator[GpuRegion]:
    """Memory of the GPU, registered with the client's server, until the block ends."""
    region = GpuRegion(byte_size)
    try:
        region.register(client)
        yield region
        client.unregister_cuda_shared_memory(region.name)
    finally:
        region.free()


class SystemRegion:
    """The same of the host's memory, as far as tests need it."""

    def __init__(self, client: Any, byte_size: int) -> None:
        """Make and register it."""
        self.name = f"system_{os.getpid()}_{next(_numbers)}"
        self._handle = shm.create_shared_memory_region(self.name, f"/tl_{self.name}", byte_size)
        client.register_system_shared_memory(self.name, f"/tl_{self.name}", byte_size)

    def write(self, *values: np.ndarray[Any, Any], offset: int = 0) -> None:
        """Write `values` one behind the other, from `offset` on."""
        shm.set_shared_memory_region(self._handle, list(values), offset)

    def read(self, dtype: Any, count: int, offset: int = 0) -> np.ndarray[Any, Any]:
        """Read `count` numbers from `offset` on."""
        found: np.ndarray[Any, Any] = shm.get_contents_as_numpy(self._handle, dtype, [count], offset)
        return found.copy()

    def free(self) -> None:
        """Free the memory."""
        shm.destroy_shared_memory_region(self._handle)


@contextlib.contextmanager
def system_region(client: Any, byte_size: int) -> Iterator[SystemRegion]:
    """Memory of the host, registered with the client's server, until the block ends."""
    region = SystemRegion(client, byte_size)
    try:
        yield region
        client.unregister_system_shared_memory(region.name)
    finally:
        region.free()


def handle_of(pointer: int) -> bytes:
    """The handle, in base64, of any memory on the GPU that this process allocated."""
    import base64

    from cuda.bindings import runtime

    error, handle = runtime.cudaIpcGetMemHandle(pointer)
    assert error == runtime.cudaError_t.cudaSuccess, error
    return base64.b64encode(ctypes.string_at(handle.getPtr(), runtime.CUDA_IPC_HANDLE_SIZE))


_DATATYPES = {"float32": "FP32", "int64": "INT64", "object": "BYTES"}


def plain(library: Any, name: str, values: np.ndarray[Any, Any]) -> Any:
    """An input whose bytes are in the request."""
    one = library.InferInput(name, list(values.shape), _DATATYPES[values.dtype.name])
    one.set_data_from_numpy(values)
    return one


def placed(
    library: Any, name: str, shape: list[int], region: Any, byte_size: int, offset: int = 0, datatype: str = "FP32"
) -> Any:
    """An input whose bytes are in a region."""
    one = library.InferInput(name, shape, datatype)
    one.set_shared_memory(region.name, byte_size, offset)
    return one


def output_in(library: Any, name: str, region: Any, byte_size: int, offset: int = 0) -> Any:
    """An output whose bytes are to be put into a region."""
    one = library.InferRequestedOutput(name)
    one.set_shared_memory(region.name, byte_size, offset)
    return one


def output_shape(answer: Any, name: str) -> list[int]:
    """The shape that the answer says, wherever the bytes are."""
    found = answer.get_output(name)
    return list(found["shape"] if isinstance(found, dict) else found.shape)
