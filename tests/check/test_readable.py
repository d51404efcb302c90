"""Files and folders that may not be read. The superuser may read everything, so the checks run as somebody else."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from repository_maker import CONFIG, MODEL, model, write

from triton_lite.check import CheckOptions, check_repository

_NOBODY = 65534


@contextmanager
def without_privileges() -> Iterator[None]:
    user = os.geteuid()
    if user == 0:
        os.seteuid(_NOBODY)
    try:
        yield
    finally:
        if user == 0:
            os.seteuid(user)


@pytest.fixture
def repository() -> Iterator[Path]:
    """A healthy repository that everybody may read, also its parents."""
    root = Path(tempfile.mkdtemp(prefix="triton-lite-check-"))
    root.chmod(0o755)
    label = CONFIG.replace('name: "Y"', 'name: "Y" label_filename: "labels.txt"')
    write(root, model(label) | {"m/labels.txt": "a\nb\nc\nd\n", "m/1/notes.txt": "", "n/1/model.onnx": MODEL})
    check_repository([str(root)], CheckOptions(gpus=frozenset()))  # Loads what is loaded once.
    yield root
    for path in root.rglob("*"):
        path.chmod(0o755)
    shutil.rmtree(root)


@pytest.mark.parametrize(
    ("path", "severity"),
    [
        (".", "error"),
        ("m", "error"),
        ("m/1", "error"),
        ("m/config.pbtxt", "error"),
        ("m/labels.txt", "error"),
        ("m/1/model.onnx", "error"),
        ("m/1/notes.txt", "warning"),
    ],
)
def test_unreadable(repository: Path, path: str, severity: str) -> None:
    (repository / path).chmod(0)
    with without_privileges():
        findings = check_repository([str(repository)], CheckOptions(gpus=frozenset()))
    (repository / path).chmod(0o755)
    worst = findings[0]
    assert worst.severity == severity
    assert "Permission denied" in worst.text
    assert all(str(repository / path) in finding.text for finding in findings)


@pytest.mark.parametrize("path", ["m/1/model.onnx", "m/config.pbtxt", "m/labels.txt"])
def test_pipes_are_not_waited_for(repository: Path, path: str) -> None:
    (repository / path).unlink()
    os.mkfifo(repository / path)
    findings = check_repository([str(repository)], CheckOptions(gpus=frozenset()))
    assert [(one.path, one.severity, one.text) for one in findings] == [
        (str(repository / path), "error", "not a regular file")
    ]


def test_readable(repository: Path) -> None:
    with without_privileges():
        assert check_repository([str(repository)], CheckOptions(gpus=frozenset())) == []
