"""Models that differ in nothing but their names are loaded as each would be by itself."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

import triton_lite
from triton_lite.errors import TritonError
from triton_lite.proto import messages

pytest.importorskip("triton_lite._native")

_ALIKE = [f"alike_{number}" for number in range(40)]
_OTHERS = ["none_0", "none_1", "named_0", "named_1", "three_0", "three_1", "groups_0", "groups_1", "tags_0", "labels_0"]
_CONFIG = 'backend: "onnxruntime" max_batch_size: 4\n'
_GROUPS = 'instance_group [ { kind: KIND_CPU count: 1 }, { name: "mine" kind: KIND_CPU count: 2 } ]\n'


def save(repository: Path, name: str, config: str | None = _CONFIG, width: int = 2, adds: float = 0) -> Path:
    """Write a model that adds a number to X [batch, width]."""
    constant = numpy_helper.from_array(np.full(width, adds, np.float32), "constant")
    graph = helper.make_graph(
        [helper.make_node("Add", ["X", "constant"], ["Y"])],
        name,
        [helper.make_tensor_value_info("X", TensorProto.FLOAT, ["batch", width])],
        [helper.make_tensor_value_info("Y", TensorProto.FLOAT, ["batch", width])],
        [constant],
    )
    file = repository / name / "1" / "model.onnx"
    file.parent.mkdir(parents=True)
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), str(file))
    if config is not None:
        (repository / name / "config.pbtxt").write_text(config)
    return file


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("alike")
    for number, name in enumerate(_ALIKE):
        save(folder, name, adds=number)
    for number in range(2):
        save(folder, f"none_{number}", None)
        save(folder, f"named_{number}", f'name: "named_{number}" {_CONFIG}')
        save(folder, f"three_{number}", width=3)
        save(folder, f"groups_{number}", _CONFIG + _GROUPS)
    save(folder, "tags_0", _CONFIG + 'metric_tags { key: "team" value: "red" }\n')
    save(folder, "labels_0", _CONFIG + 'output { name: "Y" data_type: TYPE_FP32 dims: 2 label_filename: "l.txt" }\n')
    (folder / "labels_0" / "l.txt").write_text("low\nhigh\n")
    (folder / "alike_50" / "1").mkdir(parents=True)
    (folder / "alike_50" / "config.pbtxt").write_text(_CONFIG)
    save(folder, "alike_51").write_bytes(b"no model")
    save(folder, "alike_52", f'name: "alike_0" {_CONFIG}')
    save(folder, "alike_53", "max_batch_size: -1 " + _CONFIG.replace(" max_batch_size: 4", ""))
    return folder


@pytest.fixture(scope="module")
def together(repository: Path) -> Iterator[triton_lite.Server]:
    with triton_lite.Server(repository, exit_on_error=False, strict_readiness=False) as server:
        yield server


def configuration(server: triton_lite.Server, name: str) -> messages.ModelConfig:
    return server.model(name).config()


@pytest.mark.parametrize("name", [_ALIKE[0], _ALIKE[7], _ALIKE[-1], *_OTHERS])
def test_the_configuration_is_what_it_is_alone(repository, together, name):
    with triton_lite.Server(repository, model_control_mode="explicit", load_model=[name]) as alone:
        expected = configuration(alone, name)
    assert expected.name == name
    assert configuration(together, name) == expected


def test_each_runs_its_own_file(together):
    for number, name in enumerate(_ALIKE):
        answer = together.model(name).infer({"X": np.zeros((1, 2), np.float32)})
        assert np.array_equal(answer.outputs["Y"].to_numpy(), np.full((1, 2), number, np.float32))


def test_instances_have_names_of_their_own(together):
    assert [group.name for group in configuration(together, "groups_1").instance_group] == ["groups_1_0", "mine"]


def test_each_has_metrics_of_its_own(together):
    text = together.metrics()
    for name in ("alike_3", "alike_31", "three_1"):
        assert f'nv_model_load_duration_secs{{model="{name}",version="1"}} ' in text
    assert 'nv_model_load_duration_secs{_team="red",model="tags_0",version="1"} ' in text


def test_what_is_wrong_with_one_is_said_of_it_alone(repository, together):
    reasons = {model.name: (model.state, model.reason) for model in together.models()}
    assert all(reasons[name] == ("READY", "") for name in [*_ALIKE, *_OTHERS])
    for name in ("alike_50", "alike_51"):
        with triton_lite.Server(repository, model_control_mode="explicit", exit_on_error=False) as alone:
            with pytest.raises(TritonError):
                alone.load(name)
            (expected,) = [model.reason for model in alone.models() if model.name == name]
        assert reasons[name] == ("UNAVAILABLE", expected)
        assert expected
    for name in ("alike_52", "alike_53"):
        assert reasons[name] == ("", "")
