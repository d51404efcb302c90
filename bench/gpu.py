"""A model on the GPU with tensors in CUDA regions, against system shared memory and against bodies of requests."""

from __future__ import annotations

import contextlib
import ctypes
import http.client
import json
import os
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from bench import load, processes
from bench.rounds import Comparison, Sample, alternate
from bench.transports import measured

# All of it takes less than a minute.
ROUNDS = 3
SECONDS = 0.8
DEADLINE_SECONDS = 30
START_SECONDS = 150  # The first process that loads NVIDIA's libraries reads gigabytes.
MODEL = "identity"
SIZES = {"1 MB": 1 << 20, "16 MB": 16 << 20}
KIND = "KIND_GPU"
CONFIG = """\
backend: "onnxruntime"
max_batch_size: 0
input [ {{ name: "X" data_type: TYPE_FP32 dims: [ -1 ] }} ]
output [ {{ name: "Y" data_type: TYPE_FP32 dims: [ -1 ] }} ]
instance_group [ {{ kind: {kind} }} ]
"""
FLOOR = 1.0


def missing() -> str | None:
    """What this machine lacks, if anything."""
    try:
        driver = ctypes.CDLL("libcuda.so.1")
    except OSError as error:
        return f"no NVIDIA driver: {error}"
    code = driver.cuInit(0)
    return f"the NVIDIA driver shows no GPU: CUDA error {code}" if code else None


def write_repository(folder: Path) -> Path:
    """A model that answers what it is given."""
    import onnx
    from onnx import TensorProto, helper

    (folder / MODEL / "1").mkdir(parents=True)
    (folder / MODEL / "config.pbtxt").write_text(CONFIG.format(kind=KIND))
    graph = helper.make_graph(
        [helper.make_node("Identity", ["X"], ["Y"])],
        MODEL,
        [helper.make_tensor_value_info("X", TensorProto.FLOAT, ["n"])],
        [helper.make_tensor_value_info("Y", TensorProto.FLOAT, ["n"])],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.save(model, str(folder / MODEL / "1" / "model.onnx"))
    return folder


@dataclass(frozen=True)
class Running:
    """The server under measurement."""

    pid: int
    http: int
    grpc: int


@contextlib.contextmanager
def server(repository: Path) -> Iterator[Running]:
    """Serve the model until the block ends."""
    http_port, grpc_port, metrics_port = (processes.free_port() for _ in range(3))
    with processes.running(processes.serve_command(repository, http_port, grpc_port, metrics_port)) as process:
        processes.wait_for(lambda: processes.is_ready(http_port), process, START_SECONDS)
        processes.wait_for(lambda: processes.listens(grpc_port), process)
        yield Running(process.pid, http_port, grpc_port)


@contextlib.contextmanager
def cuda_region(client: Any, values: np.ndarray[Any, Any]) -> Iterator[str]:
    """Memory of the GPU with `values` and room for as many; its name."""
    import tritonclient.utils.cuda_shared_memory as cuda_shm

    name, size = f"cuda_{values.nbytes}", 2 * values.nbytes
    handle = cuda_shm.create_shared_memory_region(name, size, 0)
    cuda_shm.set_shared_memory_region(handle, [values])
    client.register_cuda_shared_memory(name, cuda_shm.get_raw_handle(handle), 0, size)
    yield name
    client.unregister_cuda_shared_memory(name)
    found = cuda_shm.get_contents_as_numpy(handle, np.float32, [2 * values.size])[values.size :]
    cuda_shm.destroy_shared_memory_region(handle)
    if not np.array_equal(found, values):
        raise RuntimeError("the answer in the CUDA region is not what the model was given")


@contextlib.contextmanager
def system_region(client: Any, values: np.ndarray[Any, Any]) -> Iterator[str]:
    """The same of the host's memory."""
    import tritonclient.utils.shared_memory as shm

    name, size = f"system_{values.nbytes}", 2 * values.nbytes
    key = f"/tl_bench_{name}_{os.getpid()}"
    handle = shm.create_shared_memory_region(name, key, size)
    try:
        shm.set_shared_memory_region(handle, [values])
        client.register_system_shared_memory(name, key, size)
        yield name
        client.unregister_system_shared_memory(name)
        if not np.array_equal(shm.get_contents_as_numpy(handle, np.float32, [values.size], values.nbytes), values):
            raise RuntimeError("the answer in the system region is not what the model was given")
    finally:
        shm.destroy_shared_memory_region(handle)


def _place(name: str, region: str, byte_size: int, offset: int) -> dict[str, Any]:
    parameters = {"shared_memory_region": region, "shared_memory_byte_size": byte_size, "shared_memory_offset": offset}
    return {"name": name, "parameters": parameters}


def http_request(values: np.ndarray[Any, Any], region: str | None) -> tuple[bytes, int]:
    """A request's body and the length of its JSON: tensors in the region, or in the body."""
    size = values.nbytes
    tensor: dict[str, Any] = {"name": "X", "parameters": {"binary_data_size": size}}
    output: dict[str, Any] = {"name": "Y", "parameters": {"binary_data": True}}
    if region is not None:
        tensor, output = _place("X", region, size, 0), _place("Y", region, size, size)
    tensor |= {"datatype": "FP32", "shape": [values.size]}
    head = json.dumps({"inputs": [tensor], "outputs": [output]}).encode()
    return head + (b"" if region else values.tobytes()), len(head)


def grpc_request(values: np.ndarray[Any, Any], region: str | None) -> bytes:
    """The same as a ModelInferRequest."""
    from triton_lite.proto import messages

    request = messages.ModelInferRequest(model_name=MODEL)
    tensor = request.inputs.add(name="X", datatype="FP32", shape=[values.size])
    output = request.outputs.add(name="Y")
    if region is None:
        request.raw_input_contents.append(values.tobytes())
    else:
        for target, offset in ((tensor, 0), (output, values.nbytes)):
            target.parameters["shared_memory_region"].string_param = region
            target.parameters["shared_memory_byte_size"].int64_param = values.nbytes
            target.parameters["shared_memory_offset"].int64_param = offset
    return bytes(request.SerializeToString())


class HttpCaller:
    """One connection; opened again where the server closed it after an answer, as gunicorn does after large ones."""

    def __init__(self, port: int, largest: int) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=DEADLINE_SECONDS)
        self._answer = bytearray(largest + (1 << 16))

    def call(self, body: bytes, head_length: int) -> None:
        """Send one request and read its answer."""
        try:
            self._call(body, head_length)
        except (http.client.RemoteDisconnected, BrokenPipeError, ConnectionResetError):
            self._connection.close()
            self._call(body, head_length)

    def _call(self, body: bytes, head_length: int) -> None:
        headers = {"Inference-Header-Content-Length": str(head_length)}
        self._connection.request("POST", f"/v2/models/{MODEL}/infer", body, headers)
        answer = self._connection.getresponse()
        view = memoryview(self._answer)
        while (count := answer.readinto(view)) > 0:
            view = view[count:]
        if answer.status != http.client.OK:
            raise RuntimeError(bytes(self._answer[:500]).decode(errors="replace"))


def grpc_caller(port: int) -> Callable[[bytes], Any]:
    """Sends encoded requests over one channel."""
    import grpc

    unlimited = [("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)]
    channel = grpc.insecure_channel(f"127.0.0.1:{port}", options=unlimited)
    call = channel.unary_unary("/inference.GRPCInferenceService/ModelInfer")
    return lambda request: call(request, timeout=DEADLINE_SECONDS)


def _loop(pid: int, call: Callable[[], Any]) -> Callable[[], Sample]:
    """One request after the other for a while, with the server's CPU time beside it."""

    def run() -> load.Load:
        requests, begin = 0, time.perf_counter()
        end = begin + SECONDS
        while time.perf_counter() < end:
            call()
            requests += 1
        return load.Load(requests, time.perf_counter() - begin)

    call()
    return measured(pid, run)


def compare(running: Running, client: Any, label: str, byte_size: int) -> list[Comparison]:
    """Both protocols with tensors of one size."""
    values = np.random.default_rng(0).random(byte_size // 4, np.float32)
    over_http, over_grpc = HttpCaller(running.http, byte_size), grpc_caller(running.grpc)
    rows = []
    with cuda_region(client, values) as cuda, system_region(client, values) as system:

        def http_loop(region: str | None) -> Callable[[], Sample]:
            request = http_request(values, region)
            return _loop(running.pid, lambda: over_http.call(*request))

        def grpc_loop(region: str | None) -> Callable[[], Sample]:
            request = grpc_request(values, region)
            return _loop(running.pid, lambda: over_grpc(request))

        for protocol, loop in (("HTTP", http_loop), ("gRPC", grpc_loop)):
            ours = loop(cuda)
            for reference, region in (("system region", system), ("body", None)):
                name = f"{protocol}, {label} in and out: CUDA region / {reference}"
                rows.append(alternate(name, FLOOR, ours, loop(region), ROUNDS))
    return rows


def compare_all() -> list[Comparison]:
    """All sizes, in one run of one server."""
    import tritonclient.grpc as grpcclient

    with tempfile.TemporaryDirectory() as folder, server(write_repository(Path(folder))) as running:
        client = grpcclient.InferenceServerClient(f"127.0.0.1:{running.grpc}")
        return [row for label, byte_size in SIZES.items() for row in compare(running, client, label, byte_size)]
