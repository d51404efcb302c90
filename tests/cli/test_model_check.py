"""`triton-lite model check`: what it prints and how it ends."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from repositories import MODELS, write_identity

from triton_lite.cli.main import main


@pytest.fixture
def broken(tmp_path: Path) -> Path:
    """A repository with two errors and a warning."""
    write_identity(tmp_path, "m")
    config = tmp_path / "m" / "config.pbtxt"
    config.write_text(config.read_text() + "max_batch: 1\ninstance_group { kind: KIND_GPU }\n")
    (tmp_path / "m" / "v2").mkdir()
    return tmp_path


def test_healthy(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["model", "check", str(MODELS), "--gpus", "none"]) == 0
    assert capsys.readouterr().out == "nothing is wrong\n"


def test_findings_for_people(broken: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(broken)
    assert main(["model", "check", ".", "--gpus", "none"]) == 1
    told = capsys.readouterr()
    assert "m/config.pbtxt:5:1: error: failed to read text proto from" in told.out
    assert "    expected: a field of ModelConfig, which has no max_batch\n    write: max_batch_size\n" in told.out
    assert "\nm/config.pbtxt:6:" in told.out
    assert ": error: instance group m_0 of model m has kind KIND_GPU but no GPUs are" in told.out
    assert "    field: instance_group[0].kind\n" in told.out
    assert "m/v2: warning: ignore version directory 'v2'" in told.out
    assert told.out.endswith("\n2 errors, 1 warning\n")
    assert not told.err


def test_findings_for_scripts(broken: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["model", "check", str(broken), "--gpus", "0", "--json"]) == 1
    told = json.loads(capsys.readouterr().out)
    assert (told["errors"], told["warnings"]) == (1, 1)
    by_severity = {finding["severity"]: finding for finding in told["findings"]}
    assert by_severity["error"]["path"] == str(broken / "m" / "config.pbtxt")
    assert (by_severity["error"]["line"], by_severity["error"]["write"]) == (5, "max_batch_size")
    assert by_severity["warning"]["line"] == 0


def test_errors_only(broken: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (broken / "m" / "config.pbtxt").unlink()
    write_identity(broken, "n")
    (broken / "m" / "config.pbtxt").write_text((broken / "n" / "config.pbtxt").read_text())
    assert main(["model", "check", str(broken)]) == 1
    assert capsys.readouterr().out.endswith("\n1 warning\n")
    assert main(["model", "check", str(broken), "--errors-only"]) == 0


def test_files_stay_closed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "m" / "1").mkdir(parents=True)
    (tmp_path / "m" / "1" / "model.onnx").write_bytes(b"no model")
    assert main(["model", "check", str(tmp_path), "--no-open"]) == 0
    assert main(["model", "check", str(tmp_path)]) == 1


def test_gpus_are_numbers(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["model", "check", str(MODELS), "--gpus", "all"]) == 2
    assert "expected ids of GPUs, as 0,1, or none" in capsys.readouterr().err
