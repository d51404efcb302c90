"""Python models against the real Triton: the same model on both, in the same run, in turns; concurrency 8.

The program of the real Triton is given by --oracle or the environment variable TRITON_ORACLE.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from bench import echo, inprocess, load, processes
from bench.engine_process import engine
from bench.regions import Region
from bench.rounds import HEADER, Comparison, Sample, alternate
from bench.transports import MEGABYTE, Inputs, grpc_body, http_body, measured
from triton_lite.engine.options import EngineOptions

CONCURRENCY = 8
KILOBYTE = 1 << 10
STUB = "triton_python_backend_stub"  # In the command line of a model's process, on both sides.
CONFIG = """\
backend: "python"
input [ { name: "INPUT0" data_type: TYPE_UINT8 dims: [ -1 ] } ]
output [ { name: "OUTPUT0" data_type: TYPE_UINT8 dims: [ -1 ] } ]
instance_group [ { count: 1 kind: KIND_CPU } ]
"""
IDENTITY = """\
import triton_python_backend_utils as pb_utils


class TritonPythonModel:
    def execute(self, requests):
        arrays = [pb_utils.get_input_tensor_by_name(request, "INPUT0").as_numpy() for request in requests]
        return [pb_utils.InferenceResponse([pb_utils.Tensor("OUTPUT0", array)]) for array in arrays]
"""
TWO_STEPS = """\
import triton_python_backend_utils as pb_utils


def step(tensor):
    response = pb_utils.InferenceRequest(
        model_name="identity", requested_output_names=["OUTPUT0"], inputs=[tensor]
    ).exec()
    if response.has_error():
        raise pb_utils.TritonModelException(response.error().message())
    return pb_utils.get_output_tensor_by_name(response, "OUTPUT0")


class TritonPythonModel:
    def execute(self, requests):
        responses = []
        for request in requests:
            first = step(pb_utils.get_input_tensor_by_name(request, "INPUT0"))
            second = step(pb_utils.Tensor("INPUT0", first.as_numpy()))
            responses.append(pb_utils.InferenceResponse([pb_utils.Tensor("OUTPUT0", second.as_numpy())]))
        return responses
"""
MODELS = {"identity": IDENTITY, "two_steps": TWO_STEPS}


@dataclass(frozen=True)
class Case:
    """A model, the bytes of its tensor, and how many times Triton's throughput is asked for."""

    label: str
    model: str
    byte_size: int
    floor: float

    @property
    def inputs(self) -> Inputs:
        """As bench/transports.py describes them."""
        return (("INPUT0", "UINT8", [self.byte_size], self.byte_size),)


CASES = (
    Case("identity of 1 KB", "identity", KILOBYTE, 2),
    Case("identity of 1 MB", "identity", MEGABYTE, 3),
    Case("BLS of two steps, 1 KB", "two_steps", KILOBYTE, 2),
)


@dataclass(frozen=True)
class Server:
    """One side, running."""

    http: int
    grpc: int
    pid: int


Both = tuple[Server, Server]
"""Ours and the real Triton."""
Library = tuple[Path, Path, dict[str, str]]
"""The real Triton's library, the folder of its backends, and the environment that they need."""


def write_repository(folder: Path) -> Path:
    """The models of both sides."""
    for name, source in MODELS.items():
        (folder / name / "1").mkdir(parents=True)
        (folder / name / "config.pbtxt").write_text(CONFIG)
        (folder / name / "1" / "model.py").write_text(source)
    return folder


@contextlib.contextmanager
def _running(command: list[str], http: int, grpc: int) -> Iterator[Server]:
    with processes.running(command) as process:
        processes.wait_for(lambda: processes.is_ready(http) and processes.listens(grpc), process, 120)
        yield Server(http, grpc, process.pid)


@contextlib.contextmanager
def _both(oracle: str, repository: Path, workers: int | None) -> Iterator[Both]:
    http, grpc, metrics, their_http, their_grpc, their_metrics = (processes.free_port() for _ in range(6))
    flags = [f"--http-port={their_http}", f"--grpc-port={their_grpc}", f"--metrics-port={their_metrics}"]
    front_ends = [f"--{each}={workers}" for each in ("http-workers", "grpc-processes") if workers]
    theirs = [oracle, f"--model-repository={repository}", *flags]
    with (
        _running(processes.serve_command(repository, http, grpc, metrics, *front_ends), http, grpc) as ours,
        _running(theirs, their_http, their_grpc) as triton,
    ):
        yield ours, triton


def _http(server: Server, model: str, body: Path, header_length: int, seconds: float) -> Callable[[], Sample]:
    url = f"http://127.0.0.1:{server.http}/v2/models/{model}/infer"
    return measured(server.pid, lambda: load.wrk(url, body, header_length, CONCURRENCY, seconds))


def _grpc(server: Server, body: Path, seconds: float) -> Callable[[], Sample]:
    url = f"http://127.0.0.1:{server.grpc}/inference.GRPCInferenceService/ModelInfer"
    return measured(server.pid, lambda: load.h2load(url, body, CONCURRENCY, seconds))


def _written(folder: Path, name: str, content: bytes) -> Path:
    (folder / name).write_bytes(content)
    return folder / name


def _over_the_wire(
    case: Case, both: tuple[Server, Server], folder: Path, rounds: int, seconds: float
) -> list[Comparison]:
    data, header_length = http_body(case.inputs, ["OUTPUT0"])
    body = _written(folder, "body", data)
    frame = _written(folder, "frame", load.grpc_frame(grpc_body(case.model, case.inputs)))
    http = [_http(server, case.model, body, header_length, seconds) for server in both]
    grpc = [_grpc(server, frame, seconds) for server in both]
    return [
        alternate(f"HTTP, {case.label}", case.floor, http[0], http[1], rounds),
        alternate(f"gRPC, {case.label}", case.floor, grpc[0], grpc[1], rounds),
    ]


def _only_echoed(case: Case, triton: Server, folder: Path, rounds: int, seconds: float) -> Comparison:
    """What a server can reach over HTTP that does nothing with a body but send it back."""
    data, header_length = http_body(case.inputs, ["OUTPUT0"])
    body = _written(folder, "body", data)
    with echo.running() as (port, pid):
        sides = [_http(server, case.model, body, header_length, seconds) for server in (Server(port, 0, pid), triton)]
        return alternate(f"HTTP, {case.label}", 0, sides[0], sides[1], rounds)


def _in_regions(case: Case, both: Both, folder: Path, rounds: int, seconds: float) -> list[Comparison]:
    """Input and output in system shared memory."""
    from triton_lite.proto import messages

    source, target = Region("python_in", case.byte_size), Region("python_out", case.byte_size)
    with contextlib.ExitStack() as stack:
        for region in (source, target):
            stack.callback(region.remove)
            for server in both:
                region.register(server.http)
        tensor = {"name": "INPUT0", "datatype": "UINT8", "shape": [case.byte_size], "parameters": source.parameters()}
        asked = {"inputs": [tensor], "outputs": [{"name": "OUTPUT0", "parameters": target.parameters()}]}
        text = json.dumps(asked).encode()
        message = messages.ModelInferRequest(model_name=case.model)
        named = message.inputs.add(name="INPUT0", datatype="UINT8", shape=[case.byte_size])
        for one, region in ((named, source), (message.outputs.add(name="OUTPUT0"), target)):
            one.parameters["shared_memory_region"].string_param = region.name
            one.parameters["shared_memory_byte_size"].int64_param = region.byte_size
        body = _written(folder, "region_body", text)
        frame = _written(folder, "region_frame", load.grpc_frame(bytes(message.SerializeToString())))
        http = [_http(server, case.model, body, len(text), seconds) for server in both]
        grpc = [_grpc(server, frame, seconds) for server in both]
        return [
            alternate(f"HTTP, {case.label} in system regions", case.floor, http[0], http[1], rounds),
            alternate(f"gRPC, {case.label} in system regions", case.floor, grpc[0], grpc[1], rounds),
        ]


def _model_processes(server: Server) -> list[int]:
    found = []
    for pid in processes.tree(server.pid):
        with contextlib.suppress(OSError):
            if STUB in Path(f"/proc/{pid}/cmdline").read_text():
                found.append(pid)
    return found


def _memory(server: Server) -> float:
    """Megabytes (PSS) of a process of a model, on average."""
    pids = _model_processes(server)
    alone = [processes.pss_bytes(pid) for pid in pids if not set(processes.tree(pid)[1:]) & set(pids)]
    return sum(alone) / len(alone) / 1e6


def _library_of(server: Server) -> tuple[Path, Path, dict[str, str]]:
    """The library of a running Triton, its backends, and the environment that it needs."""
    process = Path(f"/proc/{server.pid}")
    library = next(
        line.split()[-1] for line in (process / "maps").read_text().splitlines() if "libtritonserver" in line
    )
    flags = (process / "cmdline").read_text().split("\0")
    backends = next(flag for flag in flags if flag.startswith("--backend-directory=")).partition("=")[2]
    pairs = (entry.partition("=") for entry in (process / "environ").read_text().split("\0") if "=" in entry)
    environment = {name: value for name, _, value in pairs}
    return Path(library), Path(backends), {name: environment[name] for name in ("PATH", "LD_LIBRARY_PATH")}


class _Loop:
    """A load loop without front ends: a program that is given rounds."""

    def __init__(self, command: list[str], env: dict[str, str] | None = None) -> None:
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env={**os.environ, **(env or {})}
        )

    def run(self, case: Case, seconds: float) -> Sample:
        """One round."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(f"{case.model} {case.byte_size} {seconds}\n")
        self._process.stdin.flush()
        return Sample(float(self._process.stdout.readline()))

    def end(self) -> None:
        """No more rounds."""
        self._process.communicate()


def _without_front_ends(repository: Path, library: Library, rounds: int, seconds: float) -> list[Comparison]:
    """Triton inside a program, through its C API, against an engine process, over its channel."""
    path, backends, env = library
    depth = str(CONCURRENCY)
    with contextlib.ExitStack() as stack:
        started = stack.enter_context(engine(EngineOptions(model_repository=[str(repository)])))
        ours = _Loop([str(inprocess.build("ring_bench")), str(started.socket), depth])
        stack.callback(ours.end)
        triton = _Loop([str(inprocess.build("triton_bench")), str(path), str(repository), str(backends), depth], env)
        stack.callback(triton.end)
        rows = []
        for case in CASES:
            sides = [lambda loop=loop: loop.run(case, seconds) for loop in (ours, triton)]  # noqa: B023
            rows.append(alternate(f"no front end, {case.label}", case.floor, sides[0], sides[1], rounds))
        return rows


def report(oracle: str | None, rounds: int, seconds: float, workers: int | None) -> str:
    """All tables, in Markdown. workers: processes of each of our front ends, None for the server's default."""
    oracle = oracle or os.environ.get("TRITON_ORACLE")
    if not oracle:
        return "The real Triton is not at hand (--oracle or TRITON_ORACLE)\n"
    with tempfile.TemporaryDirectory() as name:
        repository, bodies = Path(name) / "repository", Path(name) / "bodies"
        bodies.mkdir()
        write_repository(repository)
        with _both(oracle, repository, workers) as both:
            memory = [_memory(server) for server in both]
            rows = [row for case in CASES for row in _over_the_wire(case, both, bodies, rounds, seconds)]
            rows += _in_regions(CASES[1], both, bodies, rounds, seconds)
            echoed = [_only_echoed(case, both[1], bodies, rounds, seconds) for case in CASES[:2]]
            library = _library_of(both[1])
        rows += _without_front_ends(repository, library, rounds, seconds)
    table = "\n".join([HEADER, *(row.row() for row in rows)])
    most = "\n".join(f"{row.name}, a server that only echoes: {row.ratio:.2f} times Triton" for row in echoed)
    idle = f"Idle process of a model: {memory[0]:.1f} MB PSS, of Triton's {memory[1]:.1f} MB"
    return f"{table}\n\n{most}\n{idle}\n"
