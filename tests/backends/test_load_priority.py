"""Loading runs at low priority, and leaves no thread behind that does."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper
from onnx_models import Served, floats, graph, model_spec, tensor_spec, value

_WIDTH = 600  # A matrix of 1.4 MB: models below 1 MiB are made where the call came from.


def nices() -> dict[int, int]:
    """Nice value of each thread of this process."""
    threads = map(int, os.listdir("/proc/self/task"))
    return {thread: os.getpriority(os.PRIO_PROCESS, thread) for thread in threads}


@pytest.mark.parametrize("parameters", [{}, {"intra_op_thread_count": "3"}, {"execution_mode": "1"}])
def test_threads_of_a_loaded_model_have_normal_priority(tmp_path: Path, parameters: dict[str, str]) -> None:
    weight = numpy_helper.from_array(np.ones((_WIDTH, _WIDTH), np.float32), "w")
    model = graph(
        [helper.make_node("MatMul", ["X", "w"], ["Y"])],
        [value("X", "FP32", ["N", _WIDTH])],
        [value("Y", "FP32", ["N", _WIDTH])],
        [weight],
    )
    file = tmp_path / "model.onnx"
    onnx.save(model, str(file))
    before = nices()
    io = [tensor_spec("X", "FP32", [_WIDTH])], [tensor_spec("Y", "FP32", [_WIDTH])]
    served = Served(model_spec(file, *io, max_batch_size=2, instances=2, parameters=parameters))
    try:
        answer = served.infer([("X", "FP32", [1, _WIDTH], floats(*[1.0] * _WIDTH))])
        assert answer["Y"][0] == [1, _WIDTH]
        started = {thread: nice for thread, nice in nices().items() if thread not in before}
        assert len(started) >= 2
        assert set(started.values()) == {os.getpriority(os.PRIO_PROCESS, 0)}
    finally:
        served.close()
