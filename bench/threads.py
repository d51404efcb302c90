"""Cores shared by models: three models with two instances each against one model with one instance."""

from __future__ import annotations

import itertools
import os
import shutil
import tempfile
import threading
import time
from pathlib import Path

import numpy as np

import triton_lite
from bench.rounds import Comparison, Sample, alternate

CLIENTS = 6
ROWS = 8
LAYERS = (784, 512, 512, 10)
CONFIG = """\
backend: "onnxruntime"
max_batch_size: 0
input [ {{ name: "INPUT" data_type: TYPE_FP32 dims: [ {rows}, 784 ] }} ]
output [ {{ name: "OUTPUT" data_type: TYPE_FP32 dims: [ {rows}, 10 ] }} ]
instance_group [ {{ count: {count} kind: KIND_CPU }} ]
"""


def write_mlp(path: Path, rows: int | None = ROWS) -> None:
    """A multi-layer perceptron with fixed random weights, for batches of `rows` (None: of any size)."""
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    random = np.random.default_rng(3)
    nodes, weights, last = [], [], "INPUT"
    for i, (height, width) in enumerate(itertools.pairwise(LAYERS)):
        weights.append(numpy_helper.from_array(random.normal(0, 0.05, (height, width)).astype(np.float32), f"w{i}"))
        output = "OUTPUT" if i == len(LAYERS) - 2 else f"relu{i}"
        nodes.append(helper.make_node("MatMul", [last, f"w{i}"], [f"sum{i}"]))
        nodes.append(helper.make_node("Relu", [f"sum{i}"], [output]))
        last = output
    graph = helper.make_graph(
        nodes,
        "mlp",
        [helper.make_tensor_value_info("INPUT", TensorProto.FLOAT, [rows, LAYERS[0]])],
        [helper.make_tensor_value_info("OUTPUT", TensorProto.FLOAT, [rows, LAYERS[-1]])],
        weights,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    onnx.save(model, str(path))


def write_repository(folder: Path, names: list[str], instances: int) -> Path:
    """The same network under each name."""
    for name in names:
        (folder / name / "1").mkdir(parents=True)
        (folder / name / "config.pbtxt").write_text(CONFIG.format(rows=ROWS, count=instances))
        if name == names[0]:
            write_mlp(folder / name / "1" / "model.onnx")
        else:
            shutil.copyfile(folder / names[0] / "1" / "model.onnx", folder / name / "1" / "model.onnx")
    return folder


def drive(server: triton_lite.Server, names: list[str], seconds: float) -> Sample:
    """CLIENTS threads, spread over the models, one request at a time each: answers a second in sum."""
    image = np.random.default_rng(0).random((ROWS, LAYERS[0]), np.float32)
    counts = [0] * CLIENTS
    until = time.perf_counter() + seconds

    def loop(index: int) -> None:
        model = server.model(names[index % len(names)])
        while time.perf_counter() < until:
            model.infer(inputs={"INPUT": image})
            counts[index] += 1

    before = time.process_time()
    threads = [threading.Thread(target=loop, args=(i,)) for i in range(CLIENTS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return Sample(sum(counts) / seconds, (time.process_time() - before) / sum(counts) * 1e6)


def compare(rounds: int, seconds: float) -> tuple[Comparison, int]:
    """The ratio of the sums, and the threads that the process has with all models loaded."""
    many, one = ["mlp_a", "mlp_b", "mlp_c"], ["mlp"]
    with tempfile.TemporaryDirectory() as name:
        three = write_repository(Path(name) / "three", many, instances=2)
        single = write_repository(Path(name) / "single", one, instances=1)
        with (
            triton_lite.Server(model_repository=str(three)) as first,
            triton_lite.Server(model_repository=str(single)) as second,
        ):
            threads = len(os.listdir("/proc/self/task"))
            label = "three models with two instances each, against one with one"
            return alternate(
                label, 0.9, lambda: drive(first, many, seconds), lambda: drive(second, one, seconds), rounds
            ), threads
