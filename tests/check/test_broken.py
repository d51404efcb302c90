"""A check finds every fault of every broken repository, each where it is and with what to write; nothing in healthy."""

from __future__ import annotations

from pathlib import Path

import pytest
from broken_configurations import CONFIGURATIONS
from broken_ensembles import ENSEMBLES, HEALTHY
from broken_files import FILES
from broken_folders import FOLDERS
from broken_python import CODE, ELSEWHERE
from golden_server import make_models
from repositories import MODELS, write_identity
from repository_maker import Broken, model, onnx, write

from triton_lite.check import CheckOptions, Finding, check_repository

CASES = [*CONFIGURATIONS, *FOLDERS, *FILES, *ENSEMBLES, *CODE]
NO_GPUS = {"gpus": frozenset()}


def found(case: Broken, root: Path) -> list[Finding]:
    write(root, case.files)
    paths = [str(root / name) for name in case.repositories]
    return check_repository(paths, CheckOptions(**{**NO_GPUS, **case.options}))


@pytest.mark.parametrize("case", [*CASES, *ELSEWHERE], ids=str)
def test_finds_every_fault(case: Broken, tmp_path: Path) -> None:
    findings = found(case, tmp_path)
    told = [f"{one.path}:{one.line}: {one.severity}: {one.text}; write {one.write}" for one in findings]
    assert len(findings) == len(case.expected), told
    for expected in case.expected:
        assert any(
            str(tmp_path / expected.path) == one.path
            and expected.line == one.line
            and expected.severity == one.severity
            and expected.text in one.text
            and expected.write in one.write
            for one in findings
        ), f"{expected} is not in {told}"


def test_there_are_enough_cases() -> None:
    assert len({tuple(case.files.items()) for case in CASES}) >= 60


def test_every_finding_says_what_to_do(tmp_path: Path) -> None:
    for number, case in enumerate(CASES):
        for finding in found(case, tmp_path / str(number)):
            assert finding.write or finding.expected or finding.field, finding


INVALID = sorted((Path(__file__).parents[1] / "config" / "invalid").glob("*.pbtxt"))


@pytest.mark.parametrize("path", INVALID, ids=lambda path: path.stem)
def test_finds_what_each_rule_refuses(path: Path, tmp_path: Path) -> None:
    content = path.read_text()
    text, field = (line.partition(": ")[2] for line in content.splitlines()[:2])
    write(tmp_path, {"m/config.pbtxt": content, "m/1/model.onnx": b""})
    findings = check_repository([str(tmp_path)], CheckOptions(gpus=frozenset()))
    assert any(one.text == text and one.field == field and one.line > 2 for one in findings), findings


def test_healthy_models(tmp_path: Path) -> None:
    assert check_repository([str(MODELS)], CheckOptions(gpus=frozenset())) == []
    write(tmp_path, HEALTHY)
    write_identity(tmp_path)
    assert check_repository([str(tmp_path)], CheckOptions(gpus=frozenset())) == []


def test_golden_models(tmp_path: Path) -> None:
    findings = check_repository([str(make_models(tmp_path / "models"))], CheckOptions(gpus=frozenset()))
    names = {Path(finding.path).relative_to(tmp_path / "models").parts[0] for finding in findings}
    assert names == {
        "broken_config",
        "broken_dtype",
        "broken_file",
        "broken_name",
        "broken_noversion",
        "broken_shape",
        "classifier_short",
    }


def test_namespaces(tmp_path: Path) -> None:
    """An ensemble takes the model of its own repository; a name may stand in several."""
    write(tmp_path / "a", HEALTHY)
    write(tmp_path / "b", model("max_batch_size: 8\n", content=onnx((("Q", "INT64", ("batch", 3)),))))
    paths = [str(tmp_path / "a"), str(tmp_path / "b")]
    assert check_repository(paths, CheckOptions(gpus=frozenset(), model_namespacing=True)) == []
    texts = [finding.text for finding in check_repository(paths, CheckOptions(gpus=frozenset()))]
    assert sum("not unique" in text for text in texts) == 2
    assert any("not available or ambiguous: m" in text for text in texts)


def test_versions_complete_their_own_configuration(tmp_path: Path) -> None:
    write(tmp_path, model("version_policy { all { } }\n") | {"m/2/model.onnx": onnx((("Q", "INT64", (3,)),))})
    assert check_repository([str(tmp_path)], CheckOptions(gpus=frozenset())) == []
