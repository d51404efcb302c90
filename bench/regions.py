"""Tensors in system shared memory: what a request costs beside a `simple` request and a memcpy of the same bytes.

The models pass their FP32 input on (ONNX Identity): they read the input's bytes and write as many, which is one memcpy.
Their shapes are fixed, so that the library can be told where to write.
"""

from __future__ import annotations

import contextlib
import ctypes
import functools
import json
import mmap
import os
import statistics
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import onnx
from onnx import TensorProto, helper

from bench import load, processes
from bench.transports import CASES, MEGABYTE, ROOT, grpc_body, http_body

HEADER = (
    "| what (times in µs) | request | `simple` | memcpy | limit | of the limit (median) | range | met |\n"
    "|---|---|---|---|---|---|---|---|"
)
_SIMPLE = CASES[0]


@dataclass(frozen=True)
class _Case:
    """A tensor that goes in and comes out. May cost `factor` times a memcpy of one of them, or of both."""

    megabytes: int
    factor: float
    copies: int


_CASES = (_Case(1, 1.5, 2), _Case(64, 1.3, 1))


@dataclass(frozen=True)
class Cost:
    """Of one request or copy: microseconds until the answer, microseconds of CPU of all processes of the server."""

    latency: float
    cpu: float


@dataclass(frozen=True)
class Row:
    """One measure of one case: a cost in each round, and what it may be at most in that round."""

    name: str
    ours: list[float]
    simple: list[float]
    copy: list[float]
    limits: list[float]

    def row(self) -> str:
        """One line of the table in RESULTS.md; times in microseconds."""
        ratios = [ours / limit for ours, limit in zip(self.ours, self.limits, strict=True)]
        times = " | ".join(
            f"{statistics.median(each):.0f}" for each in (self.ours, self.simple, self.copy, self.limits)
        )
        ratio = statistics.median(ratios)
        return (
            f"| {self.name} | {times} | {ratio:.2f} | {min(ratios):.2f}..{max(ratios):.2f} "
            f"| {'yes' if ratio <= 1 else 'NO'} |"
        )


class Region:
    """An object of shared memory, mapped here, and registered with a server."""

    def __init__(self, name: str, byte_size: int) -> None:
        self.name, self.byte_size = name, byte_size
        self._path = Path("/dev/shm") / f"bench_{os.getpid()}_{name}"
        with open(self._path, "w+b") as file:
            file.truncate(byte_size)
            self._mapping = mmap.mmap(file.fileno(), byte_size)
        self._mapping[:] = bytes(byte_size)  # Every page is there.
        self.address = ctypes.addressof(ctypes.c_char.from_buffer(self._mapping))

    def register(self, port: int) -> None:
        """Make it known to the server."""
        body = json.dumps({"key": f"/{self._path.name}", "byte_size": self.byte_size}).encode()
        url = f"http://127.0.0.1:{port}/v2/systemsharedmemory/region/{self.name}/register"
        with urllib.request.urlopen(urllib.request.Request(url, body), timeout=10) as answer:
            answer.read()

    def remove(self) -> None:
        """Take the object away; mappings stay."""
        self._path.unlink()

    def parameters(self) -> dict[str, str | int]:
        """Name all of it in a request."""
        return {"shared_memory_region": self.name, "shared_memory_byte_size": self.byte_size}


def _write_repository(folder: Path) -> Path:
    (folder / "simple").symlink_to(ROOT / "models" / "simple")
    for megabytes in (case.megabytes for case in _CASES):
        tensors = [
            helper.make_tensor_value_info(name, TensorProto.FLOAT, [megabytes * MEGABYTE // 4])
            for name in ("INPUT0", "OUTPUT0")
        ]
        node = helper.make_node("Identity", ["INPUT0"], ["OUTPUT0"])
        graph = helper.make_graph([node], _model(megabytes), tensors[:1], tensors[1:])
        file = folder / _model(megabytes) / "1" / "model.onnx"
        file.parent.mkdir(parents=True)
        onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), str(file))
    return folder


def _model(megabytes: int) -> str:
    return f"identity_{megabytes}mb"


@contextlib.contextmanager
def _server() -> Iterator[tuple[int, int, int]]:
    """Yield the ports of HTTP and gRPC, and the process."""
    http, grpc, metrics = (processes.free_port() for _ in range(3))
    with tempfile.TemporaryDirectory() as name:
        command = processes.serve_command(_write_repository(Path(name)), http, grpc, metrics)
        with processes.running(command) as process:
            processes.wait_for(lambda: processes.is_ready(http), process)
            processes.wait_for(lambda: processes.listens(grpc), process)
            yield http, grpc, process.pid


@contextlib.contextmanager
def _regions(port: int, byte_size: int) -> Iterator[tuple[Region, Region]]:
    both = Region(f"in_{byte_size}", byte_size), Region(f"out_{byte_size}", byte_size)
    try:
        for region in both:
            region.register(port)
        yield both
    finally:
        for region in both:
            region.remove()


def _http_request(source: Region, target: Region) -> tuple[bytes, int]:
    tensor = {"name": "INPUT0", "datatype": "FP32", "shape": [source.byte_size // 4], "parameters": source.parameters()}
    body = json.dumps(
        {"inputs": [tensor], "outputs": [{"name": "OUTPUT0", "parameters": target.parameters()}]}
    ).encode()
    return body, len(body)


def _grpc_request(model: str, source: Region, target: Region) -> bytes:
    from triton_lite.proto import messages

    request = messages.ModelInferRequest(model_name=model)
    tensor = request.inputs.add(name="INPUT0", datatype="FP32", shape=[source.byte_size // 4])
    output = request.outputs.add(name="OUTPUT0")
    for one, region in ((tensor, source), (output, target)):
        one.parameters["shared_memory_region"].string_param = region.name
        one.parameters["shared_memory_byte_size"].int64_param = region.byte_size
    return bytes(request.SerializeToString())


def _copied(source: Region, target: Region, seconds: float, times: int) -> Cost:
    """Copy from one to the other, again and again. Returns what so many times cost."""
    count, start, cpu = 0, time.perf_counter(), time.thread_time()
    while time.perf_counter() - start < seconds:
        ctypes.memmove(target.address, source.address, source.byte_size)
        count += 1
    each = 1e6 * times / count
    return Cost((time.perf_counter() - start) * each, (time.thread_time() - cpu) * each)


def _asked(pid: int, run: Callable[[], load.Load]) -> Cost:
    """One request after the other over one connection."""
    before = processes.cpu_seconds(pid)
    result = run()
    return Cost(1e6 / result.rate, (processes.cpu_seconds(pid) - before) / max(result.requests, 1) * 1e6)


class _Transports:
    """Both protocols of one server, with the bodies of both models in a folder."""

    def __init__(self, http: int, grpc: int, pid: int, folder: Path, seconds: float) -> None:
        self._http, self._grpc, self._pid, self._folder, self._seconds = http, grpc, pid, folder, seconds

    def http(self, model: str, body: bytes, header_length: int) -> Callable[[], Cost]:
        file = self._folder / f"{model}.http"
        file.write_bytes(body)
        url = f"http://127.0.0.1:{self._http}/v2/models/{model}/infer"
        return lambda: _asked(self._pid, lambda: load.wrk(url, file, header_length, 1, self._seconds))

    def grpc(self, model: str, message: bytes) -> Callable[[], Cost]:
        file = self._folder / f"{model}.grpc"
        file.write_bytes(load.grpc_frame(message))
        url = f"http://127.0.0.1:{self._grpc}/inference.GRPCInferenceService/ModelInfer"
        return lambda: _asked(self._pid, lambda: load.h2load(url, file, 1, self._seconds, warm_up=0))


def _compare(
    label: str,
    ours: Callable[[], Cost],
    simple: Callable[[], Cost] | None,
    copy: Callable[[], Cost],
    factor: float,
    rounds: int,
) -> list[Row]:
    """Latency and CPU time against `simple`, if given, and `factor` times a memcpy, in alternating rounds."""
    nothing = Cost(0, 0)
    ours()  # Every page is mapped, every connection made.
    costs = [(copy(), ours(), simple() if simple else nothing, copy()) for _ in range(rounds)]
    rows = []
    for measure in ("latency", "cpu"):
        each = [[float(getattr(cost, measure)) for cost in round_] for round_ in costs]
        copies = [(first + last) / 2 for first, _, _, last in each]
        limits = [base + factor * once for (_, _, base, _), once in zip(each, copies, strict=True)]
        name = f"{label}, {'latency' if measure == 'latency' else 'CPU'}"
        rows.append(Row(name, [one[1] for one in each], [one[2] for one in each], copies, limits))
    return rows


def compare(rounds: int, seconds: float) -> list[Row]:
    """Over both protocols: 1 MB in and 1 MB out against `simple` and 1.5 times a memcpy of these 2 MB; tensors of 64 MB
    against 1.3 times a memcpy of one.
    """
    rows: list[Row] = []
    with _server() as (http_port, grpc_port, pid), tempfile.TemporaryDirectory() as name:
        transports = _Transports(http_port, grpc_port, pid, Path(name), seconds)
        simple_http = transports.http("simple", *http_body(_SIMPLE.inputs, _SIMPLE.outputs))
        simple_grpc = transports.grpc("simple", grpc_body("simple", _SIMPLE.inputs))
        for case in _CASES:
            megabytes = case.megabytes
            with _regions(http_port, megabytes * MEGABYTE) as (source, target):
                http = transports.http(_model(megabytes), *_http_request(source, target))
                grpc = transports.grpc(_model(megabytes), _grpc_request(_model(megabytes), source, target))
                small = megabytes == 1
                for label, ours, simple in (("HTTP", http, simple_http), ("gRPC", grpc, simple_grpc)):
                    rows += _compare(
                        f"{label}, {megabytes} MB",
                        ours,
                        simple if small else None,
                        functools.partial(_copied, source, target, seconds / 4, case.copies),
                        case.factor,
                        rounds,
                    )
    return rows
