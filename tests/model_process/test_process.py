"""A model's process from its start to its end."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from model_process.fake_engine import ModelProcess, write_model

IDENTITY = """
import triton_python_backend_utils as pb_utils

class TritonPythonModel:
    def execute(self, requests):
        responses = []
        for request in requests:
            tensor = pb_utils.get_input_tensor_by_name(request, "INPUT0")
            responses.append(pb_utils.InferenceResponse([pb_utils.Tensor("OUTPUT0", tensor.as_numpy())]))
        return responses
"""


def test_identity(tmp_path: Path) -> None:
    with ModelProcess(write_model(tmp_path, IDENTITY)) as model:
        assert model.initialized == {"op": "initialized", "has_is_ready": False, "coroutine": False}
        for array in (np.arange(256, dtype=np.float32), np.arange(1 << 18, dtype=np.float32), np.zeros((0, 3))):
            answer = model.engine.ask(INPUT0=array)
            assert answer.flags == 5
            np.testing.assert_array_equal(answer.output("OUTPUT0"), array)
        assert not model.engine.execute.arena.blocks
        assert model.finalize() == {"op": "finalized", "error": None}
