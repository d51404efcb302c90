"""The ONNX Runtime backend, through an engine of this process: types, batches, shapes, errors, options, threads."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper
from onnx_models import (
    DATATYPES,
    Served,
    Tensor,
    floats,
    graph,
    identity,
    model_spec,
    runtime,
    tensor_spec,
    texts,
    value,
)

from triton_lite import _native
from triton_lite.errors import Code, TritonError

Serve = Callable[[_native.ModelSpec], Served]


@pytest.fixture
def serve() -> Iterator[Serve]:
    served: list[Served] = []

    def start(spec: _native.ModelSpec) -> Served:
        served.append(Served(spec))
        return served[-1]

    yield start
    for each in served:
        each.close()


def save(folder: Path, model: onnx.ModelProto) -> Path:
    file = folder / "model.onnx"
    onnx.save(model, str(file))
    return file


def float_identity(folder: Path, **options: object) -> _native.ModelSpec:
    file = save(folder, identity("FP32", ["N", "M"]))
    io = [tensor_spec("X", "FP32", [-1])], [tensor_spec("Y", "FP32", [-1])]
    return model_spec(file, *io, max_batch_size=8, **options)  # type: ignore[arg-type]


def dynamic(spec: _native.ModelSpec, size: int) -> _native.ModelSpec:
    """Make the batcher wait until `size` elements are there: an hour's delay would fail the test."""
    scheduler = _native.DynamicBatchingSpec()
    scheduler.preferred_batch_size, scheduler.max_queue_delay_microseconds = [size], 3_600_000_000
    spec.scheduler, spec.max_batch_size = scheduler, size
    return spec


def elements(datatype: str) -> bytes:
    if datatype == "BYTES":
        return texts(b"", b"a\0b", b"\0", "é".encode(), b"x" * 300, b"last\0")
    if datatype == "BOOL":
        return bytes([0, 1, 1, 0, 0, 1])
    width = {"8": 1, "6": 2, "2": 4, "4": 8}[datatype[-1]]
    return bytes(range(6 * width))


@pytest.mark.parametrize("datatype", DATATYPES)
def test_every_datatype_comes_back(serve: Serve, tmp_path: Path, datatype: str) -> None:
    file = save(tmp_path, identity(datatype, ["N", "M"]))
    io = [tensor_spec("X", datatype, [-1])], [tensor_spec("Y", datatype, [-1])]
    served = serve(model_spec(file, *io, max_batch_size=4))
    raw = elements(datatype)
    assert served.infer([("X", datatype, [2, 3], raw)]) == {"Y": ([2, 3], raw)}


@pytest.mark.parametrize("datatype", ["FP32", "BYTES"])
def test_batches_are_gathered_and_cut_again(serve: Serve, tmp_path: Path, datatype: str) -> None:
    file = save(tmp_path, identity(datatype, ["N", "M"]))
    io = [tensor_spec("X", datatype, [-1])], [tensor_spec("Y", datatype, [-1])]
    served = serve(dynamic(model_spec(file, *io), 4))

    def rows(start: int, count: int) -> bytes:
        if datatype == "BYTES":
            return texts(*(f"row {i}\0".encode() for i in range(start, start + 2 * count)))
        return floats(*range(start, start + 2 * count))

    parts = [(0, 1), (10, 2), (20, 1)]
    calls = [served.send([("X", datatype, [count, 2], rows(start, count))]) for start, count in parts]
    for call, (start, count) in zip(calls, parts, strict=True):
        assert served.result(call) == {"Y": ([count, 2], rows(start, count))}


def test_only_requested_outputs_are_answered(serve: Serve, tmp_path: Path) -> None:
    file = save(tmp_path, identity("FP32", ["N"], [("X1", "Y1")]))
    inputs = [tensor_spec("X", "FP32", [-1]), tensor_spec("X1", "FP32", [-1])]
    served = serve(model_spec(file, inputs, [tensor_spec("Y", "FP32", [-1]), tensor_spec("Y1", "FP32", [-1])]))
    given: list[Tensor] = [("X", "FP32", [1], floats(1)), ("X1", "FP32", [2], floats(2, 3))]
    assert served.infer(given, ["Y1"]) == {"Y1": ([2], floats(2, 3))}
    assert list(served.infer(given, ["Y1", "Y"])) == ["Y", "Y1"]


def test_says_what_a_run_did_not_like(serve: Serve, tmp_path: Path) -> None:
    model = graph(
        [helper.make_node("MatMul", ["X", "W"], ["Y"])],
        [value("X", "FP32", ["M", "K"])],
        [value("Y", "FP32", ["M", 1])],
        [numpy_helper.from_array(np.ones((3, 1), np.float32), "W")],
    )
    io = [tensor_spec("X", "FP32", [-1, -1])], [tensor_spec("Y", "FP32", [-1, 1])]
    served = serve(model_spec(save(tmp_path, model), *io))
    with pytest.raises(TritonError) as raised:
        served.infer([("X", "FP32", [1, 2], floats(1, 2))])
    assert raised.value.code == Code.INTERNAL
    assert raised.value.text.startswith("onnx runtime error ")
    assert served.infer([("X", "FP32", [1, 3], floats(1, 2, 3))]) == {"Y": ([1, 1], floats(6))}


def test_empty_tensors(serve: Serve, tmp_path: Path) -> None:
    served = serve(float_identity(tmp_path))
    assert served.infer([("X", "FP32", [2, 0], b"")]) == {"Y": ([2, 0], b"")}


def test_booleans_other_than_0_and_1_are_passed_on(serve: Serve, tmp_path: Path) -> None:
    file = save(tmp_path, identity("BOOL", ["N", "M"]))
    io = [tensor_spec("X", "BOOL", [-1])], [tensor_spec("Y", "BOOL", [-1])]
    served = serve(model_spec(file, *io, max_batch_size=4))
    assert served.infer([("X", "BOOL", [1, 4], bytes([0, 2, 255, 1]))]) == {"Y": ([1, 4], bytes([0, 2, 255, 1]))}


def test_inputs_at_odd_addresses(serve: Serve, tmp_path: Path) -> None:
    pairs = [("X1", "Y1"), ("X2", "Y2")]
    file = save(tmp_path, identity("FP64", ["N"], pairs))
    names = [("X", "Y"), *pairs]
    inputs = [tensor_spec(x, "FP64", [-1]) for x, _ in names]
    served = serve(model_spec(file, inputs, [tensor_spec(y, "FP64", [-1]) for _, y in names]))
    raw = np.arange(9.0).tobytes()
    block = memoryview(b"\0" + raw)[1:]
    answer = served.infer([(x, "FP64", [9], block) for x, _ in names])  # type: ignore[misc]
    assert answer == {y: ([9], raw) for _, y in names}


def test_scalars_have_the_configured_shape(serve: Serve, tmp_path: Path) -> None:
    file = save(tmp_path, identity("FP32", []))
    served = serve(model_spec(file, [tensor_spec("X", "FP32", [1])], [tensor_spec("Y", "FP32", [1])]))
    assert served.infer([("X", "FP32", [1], floats(3))]) == {"Y": ([1], floats(3))}


def test_reshape_is_undone(serve: Serve, tmp_path: Path) -> None:
    file = save(tmp_path, identity("FP32", ["N", 2, 2]))
    io = [tensor_spec("X", "FP32", [4], reshape=[2, 2])], [tensor_spec("Y", "FP32", [4], reshape=[2, 2])]
    served = serve(model_spec(file, *io, max_batch_size=4))
    assert served.infer([("X", "FP32", [1, 4], floats(1, 2, 3, 4))]) == {"Y": ([1, 4], floats(1, 2, 3, 4))}


def test_absent_optional_inputs_have_the_files_value(serve: Serve, tmp_path: Path) -> None:
    model = graph(
        [helper.make_node("Add", ["X", "C"], ["Y"])],
        [value("X", "FP32", [2]), value("C", "FP32", [2])],
        [value("Y", "FP32", [2])],
        [numpy_helper.from_array(np.array([7, 7], np.float32), "C")],
    )
    inputs = [tensor_spec("X", "FP32", [2]), tensor_spec("C", "FP32", [2], optional=True)]
    spec = model_spec(save(tmp_path, model), inputs, [tensor_spec("Y", "FP32", [2])])
    served = serve(spec)
    x: Tensor = ("X", "FP32", [2], floats(1, 2))
    assert served.infer([x]) == {"Y": ([2], floats(8, 9))}
    assert served.infer([x, ("C", "FP32", [2], floats(1, 1))]) == {"Y": ([2], floats(2, 3))}
    signature = _native.Engine().open_model(spec).signature
    assert [(each.name, each.optional, each.dims) for each in signature.inputs] == [("X", False, [2]), ("C", True, [2])]


def wrong_batch(folder: Path) -> _native.ModelSpec:
    """A model whose output has one row, whatever its file says."""
    model = graph(
        [helper.make_node("Compress", ["X", "first"], ["Y"], axis=0)],
        [value("X", "FP32", ["N", 2])],
        [value("Y", "FP32", ["N", 2])],
        [numpy_helper.from_array(np.array([True]), "first")],
    )
    io = [tensor_spec("X", "FP32", [2])], [tensor_spec("Y", "FP32", [2])]
    return model_spec(save(folder, model), *io, max_batch_size=4)


def test_outputs_of_another_size_than_the_file_says(serve: Serve, tmp_path: Path) -> None:
    served = serve(wrong_batch(tmp_path))
    for _ in range(2):  # The second run does without memory given beforehand.
        with pytest.raises(TritonError) as raised:
            served.infer([("X", "FP32", [2, 2], floats(1, 2, 3, 4))])
        assert raised.value.code == Code.UNIMPLEMENTED
        assert raised.value.text == (
            "[request id: <id_unknown>] failed to split the output tensor 'Y' in responses: expected batch size of at "
            "least 2 in model output, got 1"
        )
    assert served.infer([("X", "FP32", [1, 2], floats(1, 2))]) == {"Y": ([1, 2], floats(1, 2))}


def test_model_in_a_folder_with_external_data(serve: Serve, tmp_path: Path) -> None:
    model = graph(
        [helper.make_node("Add", ["X", "C"], ["Y"])],
        [value("X", "FP32", [512])],
        [value("Y", "FP32", [512])],
        [numpy_helper.from_array(np.full(512, 2, np.float32), "C")],
    )
    folder = tmp_path / "model.onnx"
    folder.mkdir()
    onnx.save(model, str(folder / "model.onnx"), save_as_external_data=True, location="weights.bin", size_threshold=0)
    served = serve(model_spec(folder, [tensor_spec("X", "FP32", [512])], [tensor_spec("Y", "FP32", [512])]))
    raw = np.ones(512, np.float32).tobytes()
    assert served.infer([("X", "FP32", [512], raw)])["Y"] == ([512], np.full(512, 3, np.float32).tobytes())


def refusal(spec: _native.ModelSpec) -> TritonError:
    runtime()
    with pytest.raises(TritonError) as raised:
        _native.Engine().load_model(spec)
    return raised.value


def test_says_why_a_file_does_not_load(tmp_path: Path) -> None:
    spec = float_identity(tmp_path)
    file = tmp_path / "model.onnx"
    file.write_bytes(b"this is not an ONNX file\n" * 8)
    error = refusal(spec)
    assert error.code == Code.INTERNAL
    assert error.text == f"onnx runtime error 7: Load model from {file} failed:Protobuf parsing failed."
    file.unlink()
    error = refusal(spec)
    assert error.code == Code.UNAVAILABLE
    assert error.text == f"unable to find '{file}' for model instance 'm'"


def test_refuses_what_is_no_tensor(tmp_path: Path) -> None:
    sequence = helper.make_tensor_sequence_value_info("Y", DATATYPES["FP32"][1], None)
    model = graph([helper.make_node("SequenceConstruct", ["X"], ["Y"])], [value("X", "FP32", [1])], [sequence])
    spec = model_spec(save(tmp_path, model), [tensor_spec("X", "FP32", [1])], [tensor_spec("Y", "FP32", [1])])
    assert refusal(spec).text == (
        "Unsupported ONNX Type 'ONNX_TYPE_SEQUENCE' for I/O 'Y', expected 'ONNX_TYPE_TENSOR'."
    )


@pytest.mark.parametrize(
    "parameters",
    [
        {"intra_op_thread_count": "2", "inter_op_thread_count": "2", "execution_mode": "1"},
        {"intra_op_thread_count": "1", "share_session_between_instances": "true"},
        {"intra_op_thread_count": "1", "share_session_between_instances": "false"},
        {"enable_mem_arena": "0", "enable_mem_pattern": "0"},
        {"memory.enable_memory_arena_shrinkage": "cpu:0"},
        {"session.use_device_allocator_for_initializers": "1"},
    ],
    ids=lambda parameters: ",".join(parameters),
)
def test_options(serve: Serve, tmp_path: Path, parameters: dict[str, str]) -> None:
    served = serve(float_identity(tmp_path, instances=2, parameters=parameters))
    assert served.infer([("X", "FP32", [1, 2], floats(1, 2))]) == {"Y": ([1, 2], floats(1, 2))}


@pytest.mark.skipif(Path("/dev/nvidia0").exists(), reason="only without a GPU")
def test_says_what_a_gpu_instance_needs(tmp_path: Path) -> None:
    text = refusal(float_identity(tmp_path, kind=1)).text
    assert "CUDA execution provider" in text
    assert "pip " in text


def test_models_bring_no_threads_but_those_of_their_instances(serve: Serve, tmp_path: Path) -> None:
    def threads_of(**options: object) -> int:
        before = set(os.listdir("/proc/self/task"))  # One that is about to end does not count.
        serve(float_identity(tmp_path, **options))
        return len(set(os.listdir("/proc/self/task")) - before)

    serve(float_identity(tmp_path))  # Brings the process's one pool.
    one_thread_each = threads_of(instances=2, parameters={"intra_op_thread_count": "1"})
    assert threads_of(instances=2) == one_thread_each
    # A pool of its own is there when asked for: the count above sees such threads.
    assert threads_of(instances=2, parameters={"intra_op_thread_count": "4"}) > one_thread_each
