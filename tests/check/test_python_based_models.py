"""A check finds what keeps models from being served whose backend is written in Python."""

from __future__ import annotations

from pathlib import Path

import pytest
from repository_maker import write

from triton_lite.check import CheckOptions, Finding, check_repository

_CODE = "class TritonPythonModel:\n    def execute(self, requests):\n        return None\n"
_CONFIG = 'backend: "mine"\ninput { name: "X" data_type: TYPE_FP32 dims: 4 }\n'


def findings(root: Path, config: str = _CONFIG, code: str | None = _CODE, **options: object) -> list[Finding]:
    files = {"models/m/1/model.json": "{}", "models/m/config.pbtxt": config}
    write(root, files | ({} if code is None else {"backends/mine/model.py": code}))
    made = CheckOptions(gpus=frozenset(), backend_directory=str(root / "backends"), **options)  # type: ignore[arg-type]
    return check_repository([str(root / "models")], made)


@pytest.mark.parametrize("more", ["", 'runtime: "model.py"\n', 'default_model_filename: "weights.bin"\n'])
def test_healthy_models(tmp_path: Path, more: str) -> None:
    assert findings(tmp_path, _CONFIG + more) == []


@pytest.mark.parametrize(
    ("config", "line", "text", "write"),
    [
        (_CONFIG, 1, "unable to find backend library for backend 'mine'", 'backend: "'),
        (_CONFIG + 'runtime: "model.py"\n', 3, "unable to find Python backend based backend library", "cp FILE /"),
        (_CONFIG + 'runtime: "other.py"\n', 3, "unable to find backend library 'other.py'", "no runtime"),
    ],
)
def test_no_code(tmp_path: Path, config: str, line: int, text: str, write: str) -> None:
    found = findings(tmp_path, config, None)
    assert text in found[0].text and write in found[0].write
    assert (found[0].path, found[0].line) == (f"{tmp_path}/models/m/config.pbtxt", line)


def test_broken_code(tmp_path: Path) -> None:
    (found,) = findings(tmp_path, code=_CODE + "    def again(self\n")
    assert (found.path, found.line) == (f"{tmp_path}/backends/mine/model.py", 4)
    assert "SyntaxError" in found.text
    (found,) = findings(tmp_path, code="class Other:\n    pass\n")
    assert found.text == "AttributeError: module 'model' has no attribute 'TritonPythonModel'"


def test_settings_are_those_of_python(tmp_path: Path) -> None:
    (found,) = findings(tmp_path, backend_config={"python": {"thread-pool-size": "0"}})
    assert found.text == "thread-pool-size can't be less than 1."
