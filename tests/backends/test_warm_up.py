"""Warm-up before a model is ready, on ONNX Runtime: data of every kind, failures, sequence models, the log."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import onnx
import pytest
from onnx import helper
from onnx_models import (
    DATATYPES,
    Served,
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
from triton_lite.config.spec import VersionFiles
from triton_lite.config.spec import model_spec as spec_of
from triton_lite.config.text import parse
from triton_lite.errors import Code, TritonError
from triton_lite.logs import LogSettings

ZERO, RANDOM, FILE = 1, 2, 3


def warmup_input(name: str, datatype: str, dims: list[int], data: int, file: str = "") -> _native.WarmupInputSpec:
    spec = _native.WarmupInputSpec()
    spec.name, spec.datatype, spec.dims, spec.data = name, DATATYPES[datatype][0], dims, data
    spec.input_data_file = file
    return spec


def warmup(*inputs: _native.WarmupInputSpec, batch_size: int = 1, count: int = 0) -> _native.WarmupSpec:
    spec = _native.WarmupSpec()
    spec.name, spec.batch_size, spec.count, spec.inputs = "sample", batch_size, count, list(inputs)
    return spec


def save(folder: Path, model: onnx.ModelProto) -> Path:
    (folder / "1").mkdir()
    file = folder / "1" / "model.onnx"
    onnx.save(model, str(file))
    return file


def typed_identity(folder: Path, datatype: str, **options: int) -> _native.ModelSpec:
    file = save(folder, identity(datatype, ["N", "M"]))
    io = [tensor_spec("X", datatype, [-1])], [tensor_spec("Y", datatype, [-1])]
    return model_spec(file, *io, max_batch_size=4, **options)


def load(spec: _native.ModelSpec) -> None:
    runtime()
    engine = _native.Engine()
    try:
        engine.load_model(spec)
    finally:
        engine.stop()


@pytest.fixture
def lines(capfd: pytest.CaptureFixture[str]) -> Iterator[Callable[[], list[str]]]:
    _native.configure_log(LogSettings(verbose=1).word())
    yield lambda: re.findall(r'\] "(.*)"\n', capfd.readouterr().err)
    _native.configure_log(LogSettings(info=False).word())


@pytest.mark.parametrize("datatype", DATATYPES)
@pytest.mark.parametrize("data", [ZERO, RANDOM])
def test_every_datatype_is_generated(tmp_path: Path, datatype: str, data: int) -> None:
    spec = typed_identity(tmp_path, datatype)
    spec.model_warmup = [warmup(warmup_input("X", datatype, [5], data), batch_size=3, count=2)]
    load(spec)


def test_every_instance_runs_every_sample(tmp_path: Path, lines: Callable[[], list[str]]) -> None:
    spec = typed_identity(tmp_path, "FP32", instances=2)
    spec.model_warmup = [warmup(warmup_input("X", "FP32", [2], ZERO), count=2)]
    load(spec)
    assert lines() == [
        f"model 'm' instance m_0_{instance} is running warmup sample 'sample' for iteration {iteration}"
        for instance in (0, 1)
        for iteration in (1, 2)
    ]


def test_a_warm_model_answers_as_any_other(tmp_path: Path) -> None:
    spec = typed_identity(tmp_path, "FP32")
    spec.model_warmup = [warmup(warmup_input("X", "FP32", [3], RANDOM), batch_size=4)]
    served = Served(spec)
    try:
        assert served.infer([("X", "FP32", [1, 2], floats(1, 2))])["Y"] == ([1, 2], floats(1, 2))
    finally:
        served.close()


def test_data_of_files(tmp_path: Path) -> None:
    spec = typed_identity(tmp_path, "BYTES")
    (tmp_path / "warmup").mkdir()
    (tmp_path / "warmup" / "words").write_bytes(texts(b"a", b"", b"long"))
    spec.model_warmup = [warmup(warmup_input("X", "BYTES", [3], FILE, "words"), batch_size=2)]
    load(spec)
    (tmp_path / "warmup" / "words").write_bytes(texts(b"a", b""))
    with pytest.raises(TritonError) as caught:
        load(spec)
    assert caught.value.code == Code.INVALID_ARGUMENT
    assert "expected 3 string elements for inference input 'X' for model 'm', got 2" in caught.value.text


def failing(folder: Path) -> _native.ModelSpec:
    """Y = rows of a table of two, by X: other indices are an error of the run."""
    table = helper.make_tensor("table", DATATYPES["FP32"][1], [2, 1], [1.0, 2.0])
    model = graph(
        [helper.make_node("Gather", ["table", "X"], ["Y"])],
        [value("X", "INT64", ["N"])],
        [value("Y", "FP32", ["N", 1])],
        [table],
    )
    return model_spec(save(folder, model), [tensor_spec("X", "INT64", [-1])], [tensor_spec("Y", "FP32", [-1, 1])])


def test_a_failing_sample_fails_the_load(tmp_path: Path) -> None:
    spec = failing(tmp_path)
    spec.model_warmup = [warmup(warmup_input("X", "INT64", [2], ZERO))]
    load(spec)
    (tmp_path / "warmup").mkdir()
    (tmp_path / "warmup" / "seven").write_bytes((7).to_bytes(8, "little"))
    spec.model_warmup = [warmup(warmup_input("X", "INT64", [1], FILE, "seven"))]
    with pytest.raises(TritonError) as caught:
        load(spec)
    assert caught.value.code == Code.INVALID_ARGUMENT
    assert caught.value.text.startswith("failed to run warmup sample 'sample': onnx runtime error ")
    assert caught.value.text.endswith("; ")


def test_the_controls_of_a_sequence_model_are_given(tmp_path: Path, lines: Callable[[], list[str]]) -> None:
    model = graph(
        [helper.make_node("Add", ["X", "START"], ["Y"])],
        [value(name, "INT32", ["N", 1]) for name in ("START", "X")],
        [value("Y", "INT32", ["N", 1])],
    )
    io = [tensor_spec("X", "INT32", [1])], [tensor_spec("Y", "INT32", [1])]
    spec = model_spec(save(tmp_path, model), *io, max_batch_size=8)
    start = _native.SequenceControlSpec()
    start.input_name, start.int32_false_true = "START", [0, 1]
    batching = _native.SequenceBatchingSpec()
    batching.control_input = [start]
    spec.scheduler = batching
    inputs = [warmup_input(name, "INT32", [1], ZERO) for name in ("START", "X")]
    spec.model_warmup = [warmup(*inputs, batch_size=8)]
    load(spec)
    assert len(lines()) == 1
    spec.model_warmup = [warmup(inputs[1])]
    with pytest.raises(TritonError, match="failed to run warmup sample 'sample': "):
        load(spec)


def test_samples_come_from_the_configuration() -> None:
    config = parse(
        """name: "m" backend: "onnxruntime" model_warmup [ { name: "a" batch_size: 2 count: 3
        inputs { key: "Z" value { data_type: TYPE_STRING dims: 2 zero_data: true } }
        inputs { key: "R" value { data_type: TYPE_FP32 dims: [ 1, 4 ] random_data: true } }
        inputs { key: "F" value { data_type: TYPE_BOOL dims: 1 input_data_file: "bits" } }
        inputs { key: "N" value { data_type: TYPE_BOOL dims: 1 } } } ]""",
        "",
    )
    (sample,) = spec_of(_native, config, VersionFiles(1, "/m/1", "/m/1/model.onnx"), {}, {}).model_warmup
    assert (sample.name, sample.batch_size, sample.count) == ("a", 2, 3)
    found = {each.name: (each.datatype, each.dims, each.data, each.input_data_file) for each in sample.inputs}
    assert found == {
        "Z": (13, [2], ZERO, ""),
        "R": (11, [1, 4], RANDOM, ""),
        "F": (1, [1], FILE, "bits"),
        "N": (1, [1], 0, ""),
    }
