"""Tensors that functions of the tests have, and requests to them in process."""

from __future__ import annotations

import numpy as np
import pytest

import triton_lite
from triton_lite import Tensor
from triton_lite.errors import TritonError

FLOATS = Tensor("x", np.float32, (-1,))
RESULT = Tensor("y", np.float32, (-1,))
ONES = np.ones((1, 3), np.float32)


def ask(server: triton_lite.Server, name: str, **inputs: np.ndarray) -> dict[str, np.ndarray]:
    return {key: value.to_numpy() for key, value in server.model(name).infer(inputs).outputs.items()}


def refused(server: triton_lite.Server, name: str, **inputs: np.ndarray) -> TritonError:
    with pytest.raises(TritonError) as raised:
        ask(server, name, **inputs)
    return raised.value
