"""Small ONNX models and an engine that serves them in this process."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper

from triton_lite import _native
from triton_lite.engine import onnxruntime_library
from triton_lite.errors import Code, TritonError
from triton_lite.proto import METHODS, messages

INFER = METHODS["ModelInfer"].number

# Datatype of the protocol: number in model_config.proto, ONNX element type.
DATATYPES = {
    "BOOL": (1, TensorProto.BOOL),
    "UINT8": (2, TensorProto.UINT8),
    "UINT16": (3, TensorProto.UINT16),
    "UINT32": (4, TensorProto.UINT32),
    "UINT64": (5, TensorProto.UINT64),
    "INT8": (6, TensorProto.INT8),
    "INT16": (7, TensorProto.INT16),
    "INT32": (8, TensorProto.INT32),
    "INT64": (9, TensorProto.INT64),
    "FP16": (10, TensorProto.FLOAT16),
    "FP32": (11, TensorProto.FLOAT),
    "FP64": (12, TensorProto.DOUBLE),
    "BYTES": (13, TensorProto.STRING),
    "BF16": (14, TensorProto.BFLOAT16),
}

Dims = Sequence[int | str]
Tensor = tuple[str, str, list[int], bytes]  # name, datatype, shape, raw bytes


def value(name: str, datatype: str, dims: Dims) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, DATATYPES[datatype][1], dims)


def graph(
    nodes: list[onnx.NodeProto],
    inputs: list[onnx.ValueInfoProto],
    outputs: list[onnx.ValueInfoProto],
    initializers: Sequence[onnx.TensorProto] = (),
) -> onnx.ModelProto:
    body = helper.make_graph(nodes, "test", inputs, outputs, list(initializers))
    return helper.make_model(body, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def identity(datatype: str, dims: Dims, more: Sequence[tuple[str, str]] = ()) -> onnx.ModelProto:
    """Y = X, and each (input, output) of `more` likewise."""
    pairs = [("X", "Y"), *more]
    return graph(
        [helper.make_node("Identity", [x], [y]) for x, y in pairs],
        [value(x, datatype, dims) for x, _ in pairs],
        [value(y, datatype, dims) for _, y in pairs],
    )


def tensor_spec(
    name: str, datatype: str, dims: list[int], *, reshape: list[int] | None = None, optional: bool = False
) -> _native.TensorSpec:
    spec = _native.TensorSpec()
    spec.name, spec.datatype, spec.dims = name, DATATYPES[datatype][0], dims
    spec.reshape, spec.optional = reshape, optional
    return spec


def model_spec(
    file: Path,
    inputs: list[_native.TensorSpec],
    outputs: list[_native.TensorSpec],
    *,
    max_batch_size: int = 0,
    instances: int = 1,
    kind: int = 2,
    parameters: dict[str, str] | None = None,
) -> _native.ModelSpec:
    group = _native.InstanceGroupSpec()
    group.kind, group.count = kind, instances
    spec = _native.ModelSpec()
    spec.name, spec.version, spec.backend = "m", 1, "onnxruntime"
    spec.version_directory, spec.model_file = str(file.parent), str(file)
    spec.inputs, spec.outputs, spec.max_batch_size = inputs, outputs, max_batch_size
    spec.instance_groups, spec.parameters = [group], parameters or {}
    return spec


def runtime() -> None:
    """Point the data plane at the installed ONNX Runtime."""
    _native.configure_onnxruntime(onnxruntime_library.find_library())


class Served:
    """One model in an engine of its own, called without a socket."""

    def __init__(self, spec: _native.ModelSpec) -> None:
        runtime()
        self.engine = _native.Engine()
        self.engine.publish(spec.name, {1: self.engine.load_model(spec)})
        self.client = _native.ChannelClient.direct(self.engine)

    def send(self, inputs: Sequence[Tensor], outputs: Sequence[str] = ()) -> int:
        request = messages.ModelInferRequest(model_name="m")
        for name, datatype, shape, _ in inputs:
            request.inputs.add(name=name, datatype=datatype, shape=shape)
        for name in outputs:
            request.outputs.add(name=name)
        return self.client.send(INFER, request.SerializeToString(), [raw for *_, raw in inputs])

    def result(self, call: int) -> dict[str, tuple[list[int], bytes]]:
        """Return shape and raw bytes of each output by name, in the order of the answer."""
        answer = self.client.wait(call, 60)
        assert answer is not None
        if answer.code != 0:
            raise TritonError(Code(answer.code), answer.text)
        response = messages.ModelInferResponse.FromString(answer.message)
        raws = [bytes(segment) for segment in answer.segments]
        return {out.name: (list(out.shape), raw) for out, raw in zip(response.outputs, raws, strict=True)}

    def infer(self, inputs: Sequence[Tensor], outputs: Sequence[str] = ()) -> dict[str, tuple[list[int], bytes]]:
        return self.result(self.send(inputs, outputs))

    def close(self) -> None:
        self.engine.stop()


def texts(*elements: bytes) -> bytes:
    return b"".join(len(each).to_bytes(4, "little") + each for each in elements)


def floats(*elements: float) -> bytes:
    return np.array(elements, np.float32).tobytes()
