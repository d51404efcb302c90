"""Ragged batches of an ONNX model: inputs that lie behind each other, inputs that tell where, divided outputs."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper
from onnx_models import DATATYPES, Served, floats, graph, model_spec, tensor_spec, value

from triton_lite import _native

KINDS = ["COUNT", "SUM", "SUM0", "LARGEST", "SHAPES", "NUMBERS"]
TYPES = ["INT32", "FP32", "INT32", "FP32", "INT32", "FP32"]


def model() -> onnx.ModelProto:
    """Y = 2 X, and what each batch input holds as a column of its own."""
    nodes = [
        helper.make_node("Add", ["X", "X"], ["Y"]),
        helper.make_node("Identity", ["SHAPES"], ["SHAPES_OUT"]),
        helper.make_node("Shape", ["COUNT"], ["requests"]),
        helper.make_node("Concat", ["requests", "one"], ["column"], axis=0),
        helper.make_node("Shape", ["LARGEST"], ["largest"]),
        helper.make_node("Cast", ["largest"], ["largest_cast"], to=DATATYPES["FP32"][1]),
        helper.make_node("Expand", ["largest_cast", "column"], ["LARGEST_OUT"]),
    ]
    nodes += [
        helper.make_node("Unsqueeze", [name, "one"], [f"{name}_OUT"]) for name in ("COUNT", "SUM", "SUM0", "NUMBERS")
    ]
    dims = {"SHAPES": ["n", 1]}
    return graph(
        nodes,
        [
            value("X", "FP32", ["n"]),
            *(value(k, t, dims.get(k, [f"n_{k}"])) for k, t in zip(KINDS, TYPES, strict=True)),
        ],
        [
            value("Y", "FP32", ["n"]),
            *(value(f"{k}_OUT", t, [f"m_{k}", 1]) for k, t in zip(KINDS, TYPES, strict=True)),
        ],
        [numpy_helper.from_array(np.array([1], np.int64), "one")],
    )


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    file = tmp_path_factory.mktemp("ragged") / "model.onnx"
    onnx.save(model(), str(file))
    ragged = tensor_spec("X", "FP32", [-1])
    ragged.allow_ragged_batch = True
    outputs = [tensor_spec(f"{k}_OUT", t, [1]) for k, t in zip(KINDS, TYPES, strict=True)]
    spec = model_spec(file, [ragged], [tensor_spec("Y", "FP32", [-1]), *outputs], max_batch_size=8)
    batch_input = []
    for number, (name, datatype) in enumerate(zip(KINDS, TYPES, strict=True)):
        one = _native.BatchInputSpec()
        one.kind, one.target_names, one.source_inputs = number, [name], ["X"]
        one.datatype = DATATYPES[datatype][0]
        batch_input.append(one)
    scattered = _native.BatchOutputSpec()
    scattered.target_names, scattered.source_inputs = ["Y"], ["X"]
    spec.batch_input, spec.batch_output = batch_input, [scattered]
    batching = _native.DynamicBatchingSpec()
    batching.preferred_batch_size, batching.max_queue_delay_microseconds = [2], 3_600_000_000
    spec.scheduler = batching
    started = Served(spec)
    yield started
    started.close()


def test_requests_of_different_lengths_run_together(served: Served) -> None:
    lengths = (3, 5)
    calls = [served.send([("X", "FP32", [1, n], floats(*range(n)))]) for n in lengths]
    answers = [served.result(call) for call in calls]
    for answer, length in zip(answers, lengths, strict=True):
        assert answer["Y"] == ([1, length], floats(*(2 * x for x in range(length))))

    def numbers(name: str) -> list[float]:
        datatype = np.int32 if TYPES[KINDS.index(name)] == "INT32" else np.float32
        assert [answer[f"{name}_OUT"][0] for answer in answers] == [[1, 1], [1, 1]]
        return [np.frombuffer(answer[f"{name}_OUT"][1], datatype).item() for answer in answers]

    assert numbers("COUNT") == [3, 5]
    assert numbers("SUM") == [3, 8]
    assert numbers("SUM0") == [0, 3]
    assert numbers("LARGEST") == [5, 5]
    assert numbers("SHAPES") == [3, 5]
    assert numbers("NUMBERS") == [3, 5]


def test_a_request_of_several_elements_has_them_behind_each_other(served: Served) -> None:
    answer = served.infer([("X", "FP32", [2, 2], floats(1, 2, 3, 4))], ["Y", "SHAPES_OUT"])
    assert answer["Y"] == ([2, 2], floats(2, 4, 6, 8))
    assert answer["SHAPES_OUT"] == ([2, 1], np.array([2, 2], np.int32).tobytes())
