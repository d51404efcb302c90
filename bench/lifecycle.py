"""What loading and unloading costs: others' latency, memory that stays, thousands of models."""

from __future__ import annotations

import contextlib
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from bench import open_loop, processes
from bench.engine_process import EngineProcess, engine
from bench.http_client import HttpClient, infer
from bench.open_loop import Outcome
from triton_lite.engine.options import EngineOptions
from triton_lite.proto import METHODS, messages

_WIDTH = 16  # Elements of a request to a small model.
_LAYERS = 8  # Of a large model: matrices of equal size.
_OTHERS = ("other_0", "other_1")

# The reference of the thousand models: a program that makes sessions as a server does, one after the other.
_BARE_LOOP = """
import sys, time
import onnxruntime
files = sys.argv[1:]
options = onnxruntime.SessionOptions()
options.intra_op_num_threads = options.inter_op_num_threads = 1
onnxruntime.InferenceSession(files[0], options, providers=["CPUExecutionProvider"])
start = time.perf_counter()
sessions = [onnxruntime.InferenceSession(file, options, providers=["CPUExecutionProvider"]) for file in files]
print(time.perf_counter() - start)
"""

_RELOADS = """
import os, sys, time, urllib.request
os.nice(19)
url, file, count = sys.argv[1], sys.argv[2], int(sys.argv[3])
now, failed = time.time(), 0
for i in range(count):
    os.utime(file, (now + i, now + i))
    try:
        urllib.request.urlopen(urllib.request.Request(url, method="POST"), timeout=60).close()
    except OSError:
        failed += 1
print(failed)
"""

# What it costs that another core is busy, whatever with: the machine's part of what reloads cost.
_SPINS = """
import os
os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
while True:
    pass
"""


def _save(repository: Path, name: str, width: int, matrices: list[np.ndarray]) -> Path:
    """Write `name`: X [batch, width] times each of the matrices, or plus one where there are none."""
    weights = [numpy_helper.from_array(matrix, f"w{i}") for i, matrix in enumerate(matrices)]
    nodes = [helper.make_node("MatMul", [f"x{i}", f"w{i}"], [f"x{i + 1}"]) for i in range(len(matrices))]
    if not matrices:
        weights = [numpy_helper.from_array(np.ones(width, np.float32), "one")]
        nodes = [helper.make_node("Add", ["x0", "one"], ["x1"])]
    graph = helper.make_graph(
        nodes,
        name,
        [helper.make_tensor_value_info("x0", TensorProto.FLOAT, ["batch", width])],
        [helper.make_tensor_value_info(f"x{len(nodes)}", TensorProto.FLOAT, ["batch", width])],
        weights,
    )
    file = repository / name / "1" / "model.onnx"
    file.parent.mkdir(parents=True)
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), str(file))
    (repository / name / "config.pbtxt").write_text('backend: "onnxruntime" max_batch_size: 8\n')
    return file


def _save_large(repository: Path, name: str, megabytes: float) -> Path:
    width = int((megabytes * 1e6 / 4 / _LAYERS) ** 0.5)
    generator = np.random.default_rng(0)
    matrices = [generator.standard_normal((width, width), np.float32) / width for _ in range(_LAYERS)]
    return _save(repository, name, width, matrices)


def _explicit(repository: Path, *names: str) -> EngineOptions:
    return EngineOptions([str(repository)], "explicit", list(names), log_info=False)


def reload_latency(reloads: int, megabytes: float) -> str:
    """p99 of other models at a quarter of the peak over HTTP, while a larger one is reloaded and after that."""
    with tempfile.TemporaryDirectory() as folder:
        repository = Path(folder)
        for name in _OTHERS:
            _save(repository, name, _WIDTH, [])
        file = _save_large(repository, "larger", megabytes)
        http, grpc, metrics = (processes.free_port() for _ in range(3))
        loaded = [f"--load-model={name}" for name in (*_OTHERS, "larger")]
        command = processes.serve_command(repository, http, grpc, metrics, "--model-control-mode=explicit", *loaded)
        with processes.running(command) as process:
            processes.wait_for(lambda: processes.is_ready(http), process)
            with contextlib.closing(HttpClient(http)) as client:
                return _reload_latency(client, http, file, reloads, megabytes)


def _reload_latency(client: HttpClient, port: int, file: Path, reloads: int, megabytes: float) -> str:
    requests = [infer(name, "x0", [1, _WIDTH]) for name in _OTHERS]
    peak = open_loop.peak_rate(client, requests, 5)
    rate = peak / 4
    started = time.perf_counter()
    with _Reloads(port, file, reloads) as loads:
        during = open_loop.run(client, requests, rate, lambda _: loads.over)
    seconds = time.perf_counter() - started
    alone = open_loop.run(client, requests, rate, lambda so_far: so_far >= min(seconds, 30))
    with processes.running([sys.executable, "-c", _SPINS]):
        beside = open_loop.run(client, requests, rate, lambda so_far: so_far >= min(seconds, 30))
    return (
        f"{reloads} reloads of {megabytes:.0f} MB in {seconds:.0f} s ({loads.failed} failed) at {rate:.0f} requests a "
        f"second, a quarter of the peak\n\n" + _latency_table(during, alone, beside)
    )


class _Reloads:
    """Reloads `larger` again and again, each time with a file that changed, in a process of its own and of low
    priority: what a client does is not to hold up the thread that measures.
    """

    def __init__(self, port: int, file: Path, count: int) -> None:
        url = f"http://127.0.0.1:{port}/v2/repository/models/larger/load"
        self._process = subprocess.Popen(
            [sys.executable, "-c", _RELOADS, url, str(file), str(count)], stdout=subprocess.PIPE, text=True
        )
        self.failed = 0

    @property
    def over(self) -> bool:
        return self._process.poll() is not None

    def __enter__(self) -> _Reloads:
        return self

    def __exit__(self, *_: object) -> None:
        output, _none = self._process.communicate()
        self.failed = int(output)


def _latency_table(during: Outcome, alone: Outcome, beside: Outcome) -> str:
    rows = ["| | during reloads, ms | alone, ms | ratio | beside an idle-class spin, ms |", "|---|---|---|---|---|"]
    for share in (0.5, 0.9, 0.99, 0.999):
        a, b, c = (each.percentile(share) * 1e3 for each in (during, alone, beside))
        rows.append(f"| p{share * 100:g} | {a:.3f} | {b:.3f} | {a / b:.2f} | {c:.3f} |")
    counts = "; ".join(f"{len(each.seconds)} answers, {each.errors} errors" for each in (during, alone, beside))
    return "\n".join([*rows, "", counts, ""])


def memory(cycles: int, megabytes: float) -> str:
    """Resident memory of an engine that loads, runs and unloads a model again and again."""
    after: list[float] = []
    loaded: list[float] = []
    with tempfile.TemporaryDirectory() as folder:
        repository = Path(folder)
        _save_large(repository, "large", megabytes)
        width = int((megabytes * 1e6 / 4 / _LAYERS) ** 0.5)
        request = messages.ModelInferRequest(model_name="large")
        request.inputs.add(name="x0", datatype="FP32", shape=[1, width])
        with engine(_explicit(repository)) as server:
            before = server.resident_bytes() / 1e6
            for _ in range(cycles):
                server.load("large")
                call = server.client.send(METHODS["ModelInfer"].number, request.SerializeToString(), [bytes(4 * width)])
                answer = server.client.wait(call, 60)
                if answer is None or answer.code:
                    raise RuntimeError("the model was loaded but did not answer")
                del answer
                loaded.append(server.resident_bytes() / 1e6)
                server.unload("large")
                after.append(_settled(server, loaded[-1] - megabytes / 2))
    return (
        f"{cycles} cycles of {megabytes:.0f} MB: {before:.0f} MB before the first, {statistics.median(loaded):.0f} MB "
        f"loaded (median), after an unload {after[0]:.0f} MB (first), {statistics.median(after):.0f} MB "
        f"(median), {max(after):.0f} MB (most), {after[-1]:.0f} MB (last)\n"
    )


def _settled(server: EngineProcess, goal: float) -> float:
    """Megabytes once an unload has had its effect: below `goal`, and the same for a while."""
    pause = threading.Event()
    deadline = time.perf_counter() + 10
    now, same = server.resident_bytes() / 1e6, 0
    while (now > goal or same < 10) and time.perf_counter() < deadline:
        pause.wait(0.02)
        before, now = now, server.resident_bytes() / 1e6
        same = same + 1 if abs(now - before) < 0.1 else 0
    return now


def many_models(count: int, rounds: int) -> str:
    """Start with tiny models against a program that loops over their files; the index against a readiness call."""
    with tempfile.TemporaryDirectory() as folder:
        repository = Path(folder)
        files = [_save(repository, f"tiny_{i}", _WIDTH, []) for i in range(count)]
        starts, programs, loops = [], [], []
        for _ in range(rounds):
            with engine(EngineOptions([str(repository)], log_info=False)) as server:
                starts.append(server.start_seconds)
                ready = _seconds_each(server, 200, "ServerReady", messages.ServerReadyRequest())
                index = _seconds_each(server, 20, "RepositoryIndex", messages.RepositoryIndexRequest())
                resident = server.resident_bytes() / 1e6
                threads = len(os.listdir(f"/proc/{server.process_id}/task"))
            begin = time.perf_counter()
            loops.append(_bare_loop(files))
            programs.append(time.perf_counter() - begin)
    start, program, loop = statistics.median(starts), statistics.median(programs), statistics.median(loops)
    return (
        f"{count} models: ready {start:.2f} s after exec, a program with a bare loop has made them after "
        f"{program:.2f} s, ratio {start / program:.2f}; the loop alone takes {loop:.2f} s, ratio {start / loop:.2f}\n"
        f"index {index * 1e3:.2f} ms, readiness {ready * 1e3:.3f} ms, ratio {index / ready:.0f}; {resident:.0f} MB "
        f"resident, {threads} threads\n"
    )


def _seconds_each(server: EngineProcess, times: int, method: str, request: messages.Message) -> float:
    taken = []
    for _ in range(times):
        start = time.perf_counter()
        server.call(method, request)
        taken.append(time.perf_counter() - start)
    return statistics.median(taken)


def _bare_loop(files: list[Path]) -> float:
    command = [sys.executable, "-c", _BARE_LOOP, *map(str, files)]
    return float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def report(*, quick: bool) -> str:
    """All three; `quick` takes seconds instead of minutes."""
    if quick:
        return "\n".join([reload_latency(20, 20), memory(5, 50), many_models(100, 1)])
    return "\n".join([reload_latency(200, 50), memory(100, 200), many_models(1000, 3)])
