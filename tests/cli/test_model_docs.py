"""docs/model_command.md: every option is described, and the example of `check` prints what the page shows."""

from __future__ import annotations

import argparse
import re
from pathlib import Path

import pytest
from repositories import MODELS

from triton_lite.cli.main import main
from triton_lite.cli.model.main import COMMANDS

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "model_command.md").read_text()

_RESNET = """\
backend: "onnxruntime"
max_batchsize: 8
input [
  { name: "PIXELS" data_type: TYPE_INT8 dims: [ 63 ] }
]
output [
  { name: "PROBABILITIES" data_type: TYPE_FP32 dims: [ 10 ] label_filename: "labels.txt" }
]
dynamic_batching { preferred_batch_size: [ 4, 16 ] }
"""
_PIPELINE = """\
platform: "ensemble"
input { name: "IN" data_type: TYPE_FP32 dims: 64 }
output { name: "OUT" data_type: TYPE_FP32 dims: 10 }
ensemble_scheduling {
  step { model_name: "resent" model_version: -1
    input_map { key: "PIXELS" value: "IN" }
    output_map { key: "PROBABILITIES" value: "OUT" } }
}
"""


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.name)
def test_every_option_is_described(command) -> None:
    parser = argparse.ArgumentParser()
    command.module().describe(parser)
    for action in parser._actions:
        for option in action.option_strings:
            assert option.strip("-") in ("h", "help") or f"{option}" in PAGE, option


def test_the_example_of_check(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, config in (("resnet", _RESNET), ("pipeline", _PIPELINE)):
        (tmp_path / "models" / name / "1").mkdir(parents=True)
        (tmp_path / "models" / name / "config.pbtxt").write_text(config)
    (tmp_path / "models" / "resnet" / "v2").mkdir()
    model = (MODELS / "digits" / "1" / "model.onnx").read_bytes()
    (tmp_path / "models" / "resnet" / "1" / "model.onnx").write_bytes(model)
    monkeypatch.chdir(tmp_path)
    command, _, shown = re.findall(r"```console\n\$ triton-lite (model check.*?)```", PAGE, re.DOTALL)[0].partition(
        "\n"
    )
    assert main(command.split()) == 1
    assert capsys.readouterr().out.replace(str(tmp_path), "/srv") == shown
