"""Every example runs against a real server and gives what it promises."""

from __future__ import annotations

import re
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from server_process import ServerProcess, run_script, serve

ROOT = Path(__file__).resolve().parents[1]
EXAMPLES = ROOT / "examples"
# Files of this project, of different types.
FILES = [
    ROOT / name
    for name in ("README.md", "CMakeLists.txt", "LICENSE", "tests/conftest.py", "csrc/core/shape.cc", "pyproject.toml")
] + [ROOT / "models" / "simple" / "1" / "model.onnx", ROOT / "tests" / "golden" / "cases" / "health.json"]


@pytest.fixture(scope="module")
def digits_server() -> Iterator[ServerProcess]:
    with serve(f"--model-repository={ROOT / 'models'}") as server:
        yield server


@pytest.fixture(scope="module")
def file_type_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    repository = tmp_path_factory.mktemp("file_types")
    done = run_script(sys.executable, EXAMPLES / "file_types" / "build_repository.py", repository)
    assert done.returncode == 0, done.stderr
    with serve(f"--model-repository={repository}") as server:
        yield server


def by_magika() -> dict[str, tuple[str, float]]:
    """The package's own answers: file -> (label of the model, score)."""
    from magika import Magika

    results = Magika().identify_paths(FILES)
    return {str(path): (str(r.prediction.dl.label), r.prediction.score) for path, r in zip(FILES, results, strict=True)}


def parse(output: str) -> dict[str, tuple[str, float]]:
    found = re.findall(r"^(.*): (\S+) \((\d\.\d+)\)$", output, re.M)
    return {path: (label, float(score)) for path, label, score in found}


def check_file_types(output: str) -> None:
    expected, found = by_magika(), parse(output)
    assert set(found) == set(expected)
    for path, (label, score) in expected.items():
        assert found[path][0] == label, path
        assert found[path][1] == pytest.approx(score, abs=6e-4), path


def test_digits_over_both_protocols(digits_server: ServerProcess) -> None:
    done = run_script(
        sys.executable,
        EXAMPLES / "digits" / "classify.py",
        f"--http={digits_server.http}",
        f"--grpc={digits_server.grpc}",
    )
    assert done.returncode == 0, done.stderr
    rates = re.findall(r"^(HTTP|gRPC): (\d+) of (\d+) digits right", done.stdout, re.M)
    assert [name for name, _, _ in rates] == ["HTTP", "gRPC"]
    for _, right, total in rates:
        assert int(right) >= 0.97 * int(total)


def test_file_types_equal_the_packages_own(file_type_server: ServerProcess) -> None:
    script = EXAMPLES / "file_types" / "classify.py"
    done = run_script(sys.executable, script, f"--url={file_type_server.http}", *FILES)
    assert done.returncode == 0, done.stderr
    check_file_types(done.stdout)


def test_file_types_with_curl_only(file_type_server: ServerProcess) -> None:
    if shutil.which("curl") is None:
        pytest.skip("curl is not installed")
    done = run_script("sh", EXAMPLES / "file_types" / "classify.sh", f"http://{file_type_server.http}", *FILES)
    assert done.returncode == 0, done.stderr
    check_file_types(done.stdout)
