"""Tensors shared with other frameworks by DLPack, here with numpy and with one another."""

from __future__ import annotations

import gc
import sys
import weakref
from typing import Any

import numpy as np
import pytest
import triton_python_backend_utils as pb_utils
from model_process.model_in_thread import InThread
from model_process.records import BF16, NUMBERS, Asked, Value


@pytest.mark.parametrize("dtype", list(NUMBERS), ids=str)
@pytest.mark.parametrize("shape", [(), (3,), (2, 3), (0, 4), (1, 2, 3, 4)], ids=str)
def test_there_and_back(dtype: Any, shape: tuple[int, ...]) -> None:
    array = np.arange(int(np.prod(shape))).astype(dtype).reshape(shape)
    tensor = pb_utils.Tensor("A", array)
    for source in (tensor, tensor.to_dlpack()):
        taken = pb_utils.Tensor.from_dlpack("B", source)
        assert (taken.name(), taken.triton_dtype(), tuple(taken.shape())) == ("B", NUMBERS[dtype], shape)
        np.testing.assert_array_equal(taken.as_numpy(), array)
        if array.size:
            assert np.shares_memory(taken.as_numpy(), array)


def test_arrays_of_numpy() -> None:
    array = np.arange(12, dtype=np.float32).reshape(3, 4)
    taken = pb_utils.Tensor.from_dlpack("A", array)
    taken.as_numpy()[0, 0] = 5
    assert array[0, 0] == 5
    frozen = np.arange(3)
    frozen.setflags(write=False)
    assert pb_utils.Tensor.from_dlpack("A", frozen).as_numpy().tolist() == [0, 1, 2]
    given = np.from_dlpack(pb_utils.Tensor("A", array))
    assert np.shares_memory(given, array)
    assert pb_utils.Tensor("A", array).__dlpack_device__() == (1, 0)


def test_bytes_live_as_long_as_they_are_used() -> None:
    array = np.arange(5)
    gone = weakref.ref(array)
    tensor = pb_utils.Tensor("A", array)
    del array
    before = sys.getrefcount(tensor)
    capsule = tensor.to_dlpack()
    assert sys.getrefcount(tensor) == before + 1
    del capsule
    assert sys.getrefcount(tensor) == before
    given = np.from_dlpack(tensor)
    taken = pb_utils.Tensor.from_dlpack("B", given)
    upon = taken.as_numpy()
    del tensor, given, taken
    gc.collect()
    assert upon.tolist() == [0, 1, 2, 3, 4]
    assert gone() is not None
    del upon
    gc.collect()
    assert gone() is None


def test_what_is_refused() -> None:
    cases: list[tuple[Any, Any, str]] = [
        ("A", None, "Provided tensor is not supported. Tensor must be a DLPack capsule "),
        ("", None, "Tensor name cannot be an empty string."),
        (
            "A",
            np.zeros((3, 4)).T,
            "DLPack tensor is not contiguous. Only contiguous DLPack tensors that are stored in ",
        ),
    ]
    for name, source, text in cases:
        with pytest.raises(pb_utils.TritonModelException) as raised:
            pb_utils.Tensor.from_dlpack(name, source)
        assert str(raised.value).startswith(text)
    with pytest.raises(pb_utils.TritonModelException, match="DLPack does not have support for string tensors"):
        pb_utils.Tensor("A", np.array([b"x"], object)).to_dlpack()
    with pytest.raises(TypeError, match="incompatible function arguments"):
        pb_utils.Tensor.from_dlpack(None, np.zeros(1))
    capsule = pb_utils.Tensor("A", np.zeros(1)).to_dlpack()
    pb_utils.Tensor.from_dlpack("A", capsule)
    with pytest.raises(ValueError):
        pb_utils.Tensor.from_dlpack("A", capsule)


class Device:
    def __init__(self, kind: int) -> None:
        self._kind = kind

    def __dlpack_device__(self) -> tuple[int, int]:
        return (self._kind, 0)

    def __dlpack__(self, stream: Any = None) -> Any:
        raise AssertionError("must not be asked")


def test_other_devices_are_refused() -> None:
    with pytest.raises(pb_utils.TritonModelException, match="memory allocated on GPU device"):
        pb_utils.Tensor.from_dlpack("A", Device(2))
    with pytest.raises(pb_utils.TritonModelException, match="DLDevice type 10 is not support by Python backend"):
        pb_utils.Tensor.from_dlpack("A", Device(10))


def test_bf16_and_inputs_of_requests() -> None:
    class Model:
        def execute(self, requests: list[Any]) -> list[Any]:
            outputs = []
            for tensor in requests[0].inputs():
                outputs.append(pb_utils.Tensor.from_dlpack(tensor.name(), tensor.to_dlpack()))
            return [pb_utils.InferenceResponse(outputs)]

    values = [Value("B", BF16, (2, 2), np.arange(4, dtype=np.uint16).tobytes()), Value.of("F", np.ones(100000))]
    with InThread(Model()) as model:
        for _ in range(3):
            (answer,) = model.engine.run(Asked(values))
            assert [(one.datatype, one.shape, one.data) for one in answer.outputs] == [
                (one.datatype, one.shape, one.data) for one in values
            ]
        assert model.engine.execute.arena.wait_until_empty()
