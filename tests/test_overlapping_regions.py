"""Outputs that a client wants where its inputs lie: the answers are those of inputs that nobody wrote over."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import tritonclient.grpc as grpcclient
import tritonclient.http as httpclient
import tritonclient.utils.shared_memory as shm
from onnx import TensorProto, helper
from server_process import ServerProcess, serve

ROWS = 1024
SIZE = 4 * ROWS
LIBRARIES = {"http": httpclient, "grpc": grpcclient}
FIRST, SECOND = np.arange(ROWS, dtype=np.float32), np.full(ROWS, 3, np.float32)
_CONFIG = """\
backend: "{backend}"
max_batch_size: 0
input [
  {{ name: "INPUT0" data_type: TYPE_FP32 dims: [ {rows} ] }},
  {{ name: "INPUT1" data_type: TYPE_FP32 dims: [ {rows} ] }}
]
output [
  {{ name: "OUTPUT0" data_type: TYPE_FP32 dims: [ {rows} ] }},
  {{ name: "OUTPUT1" data_type: TYPE_FP32 dims: [ {rows} ] }}
]
"""


def write_models(repository: Path) -> Path:
    """`add_sub` is run by ONNX Runtime, which writes outputs in place; `two` passes its inputs on."""
    for name, backend in (("add_sub", "onnxruntime"), ("two", "identity")):
        (repository / name / "1").mkdir(parents=True)
        (repository / name / "config.pbtxt").write_text(_CONFIG.format(backend=backend, rows=ROWS))
    nodes = [helper.make_node(kind, ["INPUT0", "INPUT1"], [f"OUTPUT{i}"]) for i, kind in enumerate(("Add", "Sub"))]
    tensors = [
        [helper.make_tensor_value_info(f"{what}{i}", TensorProto.FLOAT, [ROWS]) for i in range(2)]
        for what in ("INPUT", "OUTPUT")
    ]
    model = helper.make_model(helper.make_graph(nodes, "add_sub", *tensors), ir_version=8)
    model.opset_import[0].version = 17
    onnx.save(model, str(repository / "add_sub/1/model.onnx"))
    return repository


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    with serve(f"--model-repository={write_models(tmp_path_factory.mktemp('overlap'))}") as running:
        yield running


@pytest.fixture(params=LIBRARIES)
def library(request: pytest.FixtureRequest) -> Any:
    return LIBRARIES[request.param]


@pytest.mark.parametrize("names", [("one", "one"), ("one", "two")], ids=["one name", "two names of one object"])
@pytest.mark.parametrize(
    ("model", "first", "second", "expected"),
    [
        ("add_sub", 0, SIZE, (FIRST + SECOND, FIRST - SECOND)),
        ("add_sub", SIZE, 0, (FIRST + SECOND, FIRST - SECOND)),
        ("add_sub", SIZE // 2, 2 * SIZE, (FIRST + SECOND, FIRST - SECOND)),
        ("two", SIZE, 0, (FIRST, SECOND)),
        ("two", 0, SIZE, (FIRST, SECOND)),
        ("two", SIZE // 2, 2 * SIZE, (FIRST, SECOND)),
    ],
)
def test_outputs_over_inputs(
    server: ServerProcess,
    library: Any,
    model: str,
    first: int,
    second: int,
    expected: tuple[np.ndarray, np.ndarray],
    names: tuple[str, str],
) -> None:
    """`first` and `second` are where the outputs go; the inputs lie at 0 and SIZE."""
    key = f"/tl_overlap_{os.getpid()}"
    handle = shm.create_shared_memory_region("overlap", key, 3 * SIZE)
    address = server.http if library is httpclient else server.grpc
    try:
        with library.InferenceServerClient(address) as client:
            for name in set(names):
                client.register_system_shared_memory(name, key, 3 * SIZE)
            shm.set_shared_memory_region(handle, [FIRST, SECOND])
            inputs = [library.InferInput(f"INPUT{i}", [ROWS], "FP32") for i in range(2)]
            outputs = [library.InferRequestedOutput(f"OUTPUT{i}") for i in range(2)]
            for i, offset in enumerate((first, second)):
                inputs[i].set_shared_memory(names[0], SIZE, i * SIZE)
                outputs[i].set_shared_memory(names[1], SIZE, offset)
            client.infer(model, inputs, outputs=outputs)
            for i, offset in enumerate((first, second)):
                found = shm.get_contents_as_numpy(handle, np.float32, [ROWS], offset)
                np.testing.assert_array_equal(found, expected[i])
            client.unregister_system_shared_memory()
    finally:
        shm.destroy_shared_memory_region(handle)
