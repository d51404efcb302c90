"""Models that complete their configuration, and models that cannot be brought up."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from model_process.model_files import HEAD, IDENTITY, MODEL_PROCESS, write_model
from model_process.whole_process import ModelProcess


def failure(tmp_path: Path, source: str, **how: Any) -> str:
    with ModelProcess(write_model(tmp_path, source), **how) as model:
        assert model.initialized["op"] == "failed"
        assert model.wait() == 1
        text: str = model.initialized["message"]
        return text


def test_initialize_that_raises(tmp_path: Path) -> None:
    source = """
def fail():
    raise RuntimeError("not\\ntoday")

class TritonPythonModel:
    def initialize(self, args):
        fail()
"""
    file = tmp_path / "1" / "model.py"
    assert failure(tmp_path, source) == (
        f"RuntimeError: not\ntoday\n\nAt:\n  {file}(3): fail\n  {file}(7): initialize\n"
    )


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("import sys\nsys.exit('early')\n", "SystemExit: early\n\nAt:\n"),
        ("def broken(:\n", "SyntaxError: invalid syntax (model.py, line 1)"),
        ("VALUE = 1\n", "AttributeError: module '1.model' has no attribute 'TritonPythonModel'"),
        ("import not_there\n", "ModuleNotFoundError: No module named 'not_there'\n\nAt:\n"),
        ("class TritonPythonModel:\n    def __init__(self):\n        1 / 0\n", "ZeroDivisionError: division by zero"),
    ],
)
def test_files_that_cannot_be_imported(tmp_path: Path, source: str, text: str) -> None:
    message = failure(tmp_path, source)
    assert message.startswith(text) and str(MODEL_PROCESS) not in message
    assert message == text or "model.py(" in message


def test_files_that_are_missing_or_no_python(tmp_path: Path) -> None:
    with ModelProcess(tmp_path) as model:
        assert model.initialized["message"] == f"Python model file not found in '{tmp_path}/1/model.py'"
    with ModelProcess(write_model(tmp_path, "", file="model.txt"), model_file="model.txt") as model:
        assert model.initialized["message"] == "Model name must end with '.py'. Model name is \"model.txt\"."


COMPLETES = (
    HEAD
    + """
class TritonPythonModel:
    @staticmethod
    def auto_complete_config(config):
        assert pb_utils.get_model_dir().endswith("/1")
        config.add_input({"name": "IN", "data_type": "TYPE_FP32", "dims": [4]})
        config.add_output({"name": "OUT", "data_type": "TYPE_FP32", "dims": [4]})
        config.set_max_batch_size(8)
        config.set_dynamic_batching()
        config.set_model_transaction_policy({"decoupled": True})
        return config
"""
)
BARE = {"name": "m", "max_batch_size": 0, "input": [], "output": []}


def test_auto_complete(tmp_path: Path) -> None:
    with ModelProcess(write_model(tmp_path, COMPLETES), initialize=False) as model:
        assert model.auto_complete(BARE) == {
            "op": "auto_completed",
            "config": {
                "name": "m",
                "max_batch_size": 8,
                "input": [{"name": "IN", "data_type": "TYPE_FP32", "dims": [4]}],
                "output": [{"name": "OUT", "data_type": "TYPE_FP32", "dims": [4]}],
                "dynamic_batching": {},
                "model_transaction_policy": {"decoupled": True},
            },
        }
        assert model.wait() == 0


def test_auto_complete_of_a_model_without(tmp_path: Path) -> None:
    with ModelProcess(write_model(tmp_path, IDENTITY), initialize=False) as model:
        assert model.auto_complete(BARE) == {"op": "auto_completed", "config": BARE}


@pytest.mark.parametrize(
    ("body", "text"),
    [
        ("return 5", "auto_complete_config function in model 'm' must return a valid pb.ModelConfig object."),
        ("raise ValueError('no')", "ValueError: no\n\nAt:\n  {file}(4): auto_complete_config\n"),
    ],
)
def test_auto_complete_that_fails(tmp_path: Path, body: str, text: str) -> None:
    source = f"class TritonPythonModel:\n    @staticmethod\n    def auto_complete_config(config):\n        {body}\n"
    with ModelProcess(write_model(tmp_path, source), initialize=False) as model:
        answer = model.auto_complete(BARE)
        assert answer == {"op": "failed", "message": text.format(file=tmp_path / "1" / "model.py")}
        assert model.wait() == 1
