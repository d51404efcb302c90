"""HTTP and gRPC against the bare frameworks: `simple` and 1 MB identity, concurrency 8, one worker each."""

from __future__ import annotations

import contextlib
import json
import struct
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from bench import load, processes
from bench.rounds import Comparison, Sample, alternate

ROOT = Path(__file__).resolve().parents[1]
CONCURRENCY = 8
SIMPLE_INPUTS = (("INPUT0", "INT32", [1, 16], 64), ("INPUT1", "INT32", [1, 16], 64))
MEGABYTE = 1 << 20
IDENTITY_INPUTS = (("INPUT0", "UINT8", [MEGABYTE], MEGABYTE),)
IDENTITY_CONFIG = """\
backend: "identity"
max_batch_size: 0
input [ { name: "INPUT0" data_type: TYPE_UINT8 dims: [ -1 ] } ]
output [ { name: "OUTPUT0" data_type: TYPE_UINT8 dims: [ -1 ] } ]
"""
Inputs = tuple[tuple[str, str, list[int], int], ...]
Running = dict[str, tuple[int, int]]  # Name -> (port, pid).


def tensor_bytes(size: int) -> bytes:
    """Repeatable content."""
    return (struct.pack("<16i", *range(16)) * (size // 64 + 1))[:size]


def http_body(inputs: Inputs, outputs: list[str]) -> tuple[bytes, int]:
    """A binary request and the length of its JSON part."""
    head = json.dumps(
        {
            "inputs": [
                {"name": name, "datatype": kind, "shape": shape, "parameters": {"binary_data_size": size}}
                for name, kind, shape, size in inputs
            ],
            "outputs": [{"name": name, "parameters": {"binary_data": True}} for name in outputs],
        }
    ).encode()
    return head + b"".join(tensor_bytes(size) for *_, size in inputs), len(head)


def grpc_body(model: str, inputs: Inputs) -> bytes:
    """A ModelInferRequest with raw contents."""
    from triton_lite.proto import messages

    request = messages.ModelInferRequest(model_name=model)
    for name, kind, shape, size in inputs:
        request.inputs.add(name=name, datatype=kind, shape=shape)
        request.raw_input_contents.append(tensor_bytes(size))
    return bytes(request.SerializeToString())


def write_repository(folder: Path) -> Path:
    """`simple` of models/ and an identity model."""
    (folder / "simple").symlink_to(ROOT / "models" / "simple")
    (folder / "identity" / "1").mkdir(parents=True)
    (folder / "identity" / "config.pbtxt").write_text(IDENTITY_CONFIG)
    return folder


@contextlib.contextmanager
def servers(folder: Path) -> Iterator[Running]:
    """Everything that is measured, running: name -> (port, pid)."""
    ports = {name: processes.free_port() for name in ("http", "grpc", "metrics", "echo-http", "echo-grpc")}
    repository = write_repository(folder)
    serve = processes.serve_command(repository, ports["http"], ports["grpc"], ports["metrics"])
    echo_http = [sys.executable, "-m", "gunicorn", "-k", "asgi", "-w1", "--no-control-socket", "-b"]
    echo_http += [f"127.0.0.1:{ports['echo-http']}", "bench.references.echo_http:app"]
    echo_grpc = [sys.executable, "-m", "bench.references.echo_grpc", str(ports["echo-grpc"])]
    with contextlib.ExitStack() as stack:
        ours = stack.enter_context(processes.running(serve))
        http = stack.enter_context(processes.running(echo_http, cwd=ROOT))
        grpc = stack.enter_context(processes.running(echo_grpc, cwd=ROOT))
        processes.wait_for(lambda: processes.is_ready(ports["http"]), ours)
        processes.wait_for(lambda: processes.listens(ports["grpc"]), ours)
        processes.wait_for(lambda: processes.listens(ports["echo-http"]), http)
        processes.wait_for(lambda: processes.listens(ports["echo-grpc"]), grpc)
        yield {
            "http": (ports["http"], ours.pid),
            "grpc": (ports["grpc"], ours.pid),
            "echo-http": (ports["echo-http"], http.pid),
            "echo-grpc": (ports["echo-grpc"], grpc.pid),
        }


def measured(pid: int, run: Callable[[], load.Load]) -> Callable[[], Sample]:
    """One run of a generator with the server's CPU time beside it."""

    def sample() -> Sample:
        before = processes.cpu_seconds(pid)
        result = run()
        return Sample(result.rate, (processes.cpu_seconds(pid) - before) / max(result.requests, 1) * 1e6)

    return sample


@dataclass(frozen=True)
class Case:
    """One model with its request bodies and floors."""

    label: str
    model: str
    inputs: Inputs
    outputs: list[str]
    http_floor: float
    grpc_floor: float


CASES = (
    Case("`simple`", "simple", SIMPLE_INPUTS, ["OUTPUT0", "OUTPUT1"], 0.65, 0.8),
    Case("1 MB identity", "identity", IDENTITY_INPUTS, ["OUTPUT0"], 0.8, 0.8),
)


def compare(case: Case, folder: Path, running: Running, rounds: int, seconds: float) -> list[Comparison]:
    """HTTP and gRPC for one model."""
    body, frame = folder / case.model, folder / f"{case.model}.grpc"
    data, header_length = http_body(case.inputs, case.outputs)
    body.write_bytes(data)
    frame.write_bytes(load.grpc_frame(grpc_body(case.model, case.inputs)))

    def http(side: str) -> Callable[[], Sample]:
        port, pid = running[side]
        url = f"http://127.0.0.1:{port}/v2/models/{case.model}/infer"
        return measured(pid, lambda: load.wrk(url, body, header_length, CONCURRENCY, seconds))

    def grpc(side: str) -> Callable[[], Sample]:
        port, pid = running[side]
        url = f"http://127.0.0.1:{port}/inference.GRPCInferenceService/ModelInfer"
        return measured(pid, lambda: load.h2load(url, frame, CONCURRENCY, seconds))

    return [
        alternate(f"HTTP binary, {case.label}", case.http_floor, http("http"), http("echo-http"), rounds),
        alternate(f"gRPC, {case.label}", case.grpc_floor, grpc("grpc"), grpc("echo-grpc"), rounds),
    ]


def compare_all(rounds: int, seconds: float) -> list[Comparison]:
    """The four ratios of this file."""
    with tempfile.TemporaryDirectory() as name:
        repository, bodies = Path(name) / "repository", Path(name) / "bodies"
        repository.mkdir()
        bodies.mkdir()
        with servers(repository) as running:
            return [row for case in CASES for row in compare(case, bodies, running, rounds, seconds)]
