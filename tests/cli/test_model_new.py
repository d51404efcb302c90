"""`triton-lite model new`: what it writes is healthy, is served as it stands, and overwrites nothing."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, external_data_helper, helper, numpy_helper
from repositories import MODELS

from triton_lite.check import CheckOptions, check_repository
from triton_lite.cli.main import main

DIGITS = MODELS / "digits" / "1" / "model.onnx"
NO_GPUS = CheckOptions(gpus=frozenset())


def graph(kind: int, dims: list[int | str], initializers: list[onnx.TensorProto] | None = None) -> onnx.ModelProto:
    node = helper.make_node("Add", ["X", "w"], ["Y"]) if initializers else helper.make_node("Identity", ["X"], ["Y"])
    body = helper.make_graph(
        [node],
        "test",
        [helper.make_tensor_value_info("X", kind, dims)],
        [helper.make_tensor_value_info("Y", kind, dims)],
        initializers or [],
    )
    return helper.make_model(body, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def test_new(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["model", "new", "mine", "--from", str(DIGITS), "--repository", str(tmp_path / "r")]) == 0
    config = (tmp_path / "r" / "mine" / "config.pbtxt").read_text()
    assert "# Requests are put together" in config
    assert 'name: "PIXELS"\n    data_type: TYPE_FP32\n    dims: [ 64 ]' in config
    assert "max_batch_size: 8" in config and "dynamic_batching {" in config
    assert (tmp_path / "r" / "mine" / "1" / "model.onnx").read_bytes() == DIGITS.read_bytes()
    assert check_repository([str(tmp_path / "r")], NO_GPUS) == []
    assert "wrote " in capsys.readouterr().out


def test_link_and_json(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command = ["model", "new", "mine", "--from", str(DIGITS), "--repository", str(tmp_path)]
    assert main([*command, "--link", "--json", "--max-batch-size", "0"]) == 0
    path = tmp_path / "mine" / "1" / "model.onnx"
    assert path.readlink() == DIGITS
    assert json.loads(capsys.readouterr().out)["files"] == [str(tmp_path / "mine" / "config.pbtxt"), str(path)]
    config = (tmp_path / "mine" / "config.pbtxt").read_text()
    assert "max_batch_size: 0" in config and "dims: [ -1, 64 ]" in config
    findings = check_repository([str(tmp_path)], NO_GPUS)
    assert [finding.severity for finding in findings] == ["warning"]  # The link leads out of the repository.


@pytest.mark.parametrize("dims", [[], [3, 4], ["batch"], ["batch", "n", 3], ["batch", 0 + 2]], ids=str)
@pytest.mark.parametrize("kind", [TensorProto.FLOAT, TensorProto.STRING, TensorProto.BOOL, TensorProto.FLOAT16])
def test_every_shape_gives_a_healthy_model(tmp_path: Path, kind: int, dims: list[int | str]) -> None:
    onnx.save(graph(kind, dims), tmp_path / "x.onnx")
    repository = tmp_path / "r"
    assert main(["model", "new", "m", "--from", str(tmp_path / "x.onnx"), "--repository", str(repository)]) == 0
    assert check_repository([str(repository)], NO_GPUS) == []


@pytest.mark.parametrize("link", [[], ["--link"]], ids=["copied", "linked"])
def test_weights_beside_the_file_come_too(tmp_path: Path, link: list[str]) -> None:
    weights = numpy_helper.from_array(np.ones(4, np.float32), "w")
    model = graph(TensorProto.FLOAT, ["batch", 4], [weights])
    external_data_helper.convert_model_to_external_data(model, location="weights.bin", size_threshold=0)
    onnx.save(model, tmp_path / "x.onnx")
    (tmp_path / "unrelated.bin").write_bytes(b"")
    repository = tmp_path / "r"
    assert main(["model", "new", "m", "--from", str(tmp_path / "x.onnx"), "--repository", str(repository), *link]) == 0
    assert sorted(path.name for path in (repository / "m" / "1").iterdir()) == ["model.onnx", "weights.bin"]
    assert [f for f in check_repository([str(repository)], NO_GPUS) if f.severity == "error"] == []


def test_nothing_is_overwritten(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "mine").mkdir()
    assert main(["model", "new", "mine", "--from", str(DIGITS), "--repository", str(tmp_path)]) == 2
    assert "is there already, and nothing is overwritten" in capsys.readouterr().err
    assert list((tmp_path / "mine").iterdir()) == []


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("mine", b"no model", "expected a model in ONNX format that loads"),
        ("mine", b"", "expected a model in ONNX format that loads"),
        ("mine", None, "no such file"),
        ("../mine", b"", "must not contain path traversal characters"),
        (" ", b"", "cannot be empty"),
    ],
)
def test_refusals_leave_nothing_behind(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str, content: bytes | None, told: str
) -> None:
    if content is not None:
        (tmp_path / "x.onnx").write_bytes(content)
    command = ["model", "new", name, "--from", str(tmp_path / "x.onnx"), "--repository", str(tmp_path / "r")]
    assert main(command) == 2
    assert told in capsys.readouterr().err
    assert not (tmp_path / "r").exists()
