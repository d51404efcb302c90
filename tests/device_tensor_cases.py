"""Programs of test_device_tensors.py: each runs in a process of its own, whose CUDA driver is the fake one."""

from __future__ import annotations

import gc
import sys
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from fake_cuda import DeviceRegion

import triton_lite
from triton_lite import _native
from triton_lite.errors import Code, TritonError

CASES: dict[str, Callable[[triton_lite.Server], None]] = {}
BITS = {"float32": (2, 32), "int32": (0, 32)}


def case(run: Callable[[triton_lite.Server], None]) -> Callable[[triton_lite.Server], None]:
    CASES[run.__name__] = run
    return run


class OnDevice:
    """A tensor as CuPy has it: described by the CUDA array interface."""

    def __init__(self, values: np.ndarray, **interface: Any) -> None:
        self.region = DeviceRegion(values.nbytes)
        self.region.write(values)
        self.__cuda_array_interface__ = {
            "shape": values.shape,
            "typestr": values.dtype.str,
            "data": (self.region.pointer, False),
            "version": 3,
        } | interface


class WithDlpack:
    """A tensor as PyTorch has it: with DLPack."""

    def __init__(self, values: np.ndarray) -> None:
        region = DeviceRegion(values.nbytes)
        region.write(values)
        self.memory = _native.DeviceMemory(region.pointer, values.nbytes, region)
        self.type, self.shape = BITS[values.dtype.name], list(values.shape)

    def __dlpack__(self, stream: int | None = None) -> object:
        assert stream == 1
        return self.memory.to_dlpack(*self.type, self.shape)

    def __dlpack_device__(self) -> tuple[int, int]:
        return 2, self.memory.device_id


def arange() -> np.ndarray:
    return np.arange(16, dtype=np.int32).reshape(1, 16)


@case
def array_interface(server: triton_lite.Server) -> None:
    response = server.model("simple").infer({"INPUT0": OnDevice(arange()), "INPUT1": OnDevice(arange(), stream=1)})
    np.testing.assert_array_equal(response.outputs["OUTPUT0"].to_numpy(), arange() * 2)


@case
def dlpack(server: triton_lite.Server) -> None:
    response = server.model("simple").infer({"INPUT0": WithDlpack(arange()), "INPUT1": arange()})
    np.testing.assert_array_equal(response.outputs["OUTPUT0"].to_numpy(), arange() * 2)


@case
def owners_are_let_go(server: triton_lite.Server) -> None:
    tensor = OnDevice(np.ones((1, 100_000), np.float32))
    array = np.ones((1, 100_000), np.float32)
    gone = [weakref.ref(tensor), weakref.ref(array)]
    for _ in range(3):
        server.model("identity_fp32").infer({"INPUT0": tensor})
        server.model("identity_fp32").infer({"INPUT0": array})
    del tensor, array
    server.stop()  # Ends what is left of the requests.
    gc.collect()
    assert [one() for one in gone] == [None, None]


@case
def outputs_on_the_device(server: triton_lite.Server) -> None:
    """What passes through a model on the host comes from there; what the engine has on a GPU is given out as such."""
    values = np.arange(8, dtype=np.float32).reshape(1, 8)
    response = server.model("identity_fp32").infer({"INPUT0": OnDevice(values)}, device_outputs=True)
    assert not response.outputs["OUTPUT0"].on_device
    assert not hasattr(response.outputs["OUTPUT0"], "__cuda_array_interface__")
    region = DeviceRegion(values.nbytes)
    region.write(values)
    output = triton_lite.server.OutputTensor("FP32", (1, 8), _native.DeviceMemory(region.pointer, 32, region))
    assert output.on_device and output.__dlpack_device__() == (2, 0)
    np.testing.assert_array_equal(output.to_numpy(), values)
    interface = output.__cuda_array_interface__
    assert (interface["data"], interface["shape"], interface["typestr"]) == ((region.pointer, False), (1, 8), "<f4")
    response = server.model("identity_fp32").infer({"INPUT0": output})
    np.testing.assert_array_equal(response.outputs["OUTPUT0"].to_numpy(), values)
    try:
        output.__dlpack__(copy=True)
    except BufferError:
        return
    raise AssertionError("a copy was promised")


@case
def refusals(server: triton_lite.Server) -> None:
    rows = np.zeros((2, 16), np.float32)
    host = np.zeros((1, 16), np.float32)
    refused = {
        "row by row without gaps": OnDevice(rows, shape=(1, 16), strides=(4, 8)),
        "does not lie in the memory of a GPU": OnDevice(rows, shape=(1, 16), data=(host.ctypes.data, False)),
        "has no datatype of the protocol": OnDevice(rows, shape=(1, 16), typestr="<c8"),
    }
    for text, tensor in refused.items():
        try:
            server.model("identity_fp32").infer({"INPUT0": tensor})
        except TritonError as error:
            assert error.code == Code.INVALID_ARGUMENT and text in error.text, error.text
        else:
            raise AssertionError(text)
    used = WithDlpack(arange()).__dlpack__(stream=1)
    _native.DeviceMemory.from_dlpack(used)
    try:
        _native.DeviceMemory.from_dlpack(used)
    except TritonError as error:
        assert "used before" in error.text
    else:
        raise AssertionError("one capsule gave two tensors")


def main() -> None:
    name, repository = sys.argv[1:]
    models = ["simple", "identity_fp32"]
    with triton_lite.Server(Path(repository), model_control_mode="explicit", load_model=models) as server:
        CASES[name](server)


if __name__ == "__main__":
    main()
