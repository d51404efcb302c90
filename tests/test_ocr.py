"""Text in images: both pipelines give what the package itself gives with the same networks."""

from __future__ import annotations

import importlib
import importlib.util
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import tritonclient.grpc
import tritonclient.http
from server_process import ServerProcess, run_script, serve

FOLDER = Path(__file__).resolve().parents[1] / "examples" / "ocr"

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("rapidocr_onnxruntime") is None, reason="rapidocr-onnxruntime is not installed"
)


@pytest.fixture(scope="module")
def example() -> Iterator[tuple[ModuleType, ModuleType]]:
    sys.path.insert(0, str(FOLDER))
    yield importlib.import_module("pages"), importlib.import_module("read")
    sys.path.remove(str(FOLDER))


@pytest.fixture(scope="module")
def images(example: tuple[ModuleType, ModuleType]) -> dict[str, np.ndarray]:
    found: dict[str, np.ndarray] = example[0].images()
    return found


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    repository = tmp_path_factory.mktemp("ocr")
    built = run_script(sys.executable, FOLDER / "build_repository.py", repository)
    assert built.returncode == 0, built.stderr
    with serve(f"--model-repository={repository}") as running:
        yield running


@pytest.fixture(scope="module")
def expected(images: dict[str, np.ndarray]) -> dict[str, list[Any]]:
    """The package's own lines: corners, text, score."""
    from rapidocr_onnxruntime import RapidOCR

    package = RapidOCR()
    return {name: package(np.ascontiguousarray(image[:, :, ::-1]))[0] or [] for name, image in images.items()}


def check(found: list[Any], expected: list[Any]) -> None:
    """The same lines at the same places; how certain they are may differ in the last digits (threads, graph)."""
    assert [(box, text) for box, text, _ in found] == [(box, text) for box, text, _ in expected]
    assert [score for *_, score in found] == pytest.approx([score for *_, score in expected], abs=1e-5)


def test_there_is_something_to_read(expected: dict[str, list[Any]]) -> None:
    assert "Fragile" in [text for _, text, _ in expected["a small label"]]
    assert sum(map(bool, expected.values())) == 10
    assert not any(expected[name] for name in ("an empty page", "a photograph of a temple", "a photograph of a flower"))


def test_the_calling_model_over_http(
    example: tuple[ModuleType, ModuleType],
    server: ServerProcess,
    images: dict[str, np.ndarray],
    expected: dict[str, list[Any]],
) -> None:
    with tritonclient.http.InferenceServerClient(server.http, network_timeout=120) as client:
        for name, image in images.items():
            check(example[1].read(tritonclient.http, client, "ocr", image), expected[name])


def test_the_ensemble_over_grpc(
    example: tuple[ModuleType, ModuleType],
    server: ServerProcess,
    images: dict[str, np.ndarray],
    expected: dict[str, list[Any]],
) -> None:
    with tritonclient.grpc.InferenceServerClient(server.grpc) as client:
        for name, image in images.items():
            check(example[1].read(tritonclient.grpc, client, "ocr_ensemble", image), expected[name])


def test_the_script_reads_a_file(
    example: tuple[ModuleType, ModuleType], server: ServerProcess, tmp_path: Path, expected: dict[str, list[Any]]
) -> None:
    from PIL import Image

    Image.fromarray(example[0].images()["a page"]).save(tmp_path / "page.png")
    done = run_script(
        sys.executable, FOLDER / "read.py", f"--http={server.http}", f"--grpc={server.grpc}", tmp_path / "page.png"
    )
    assert done.returncode == 0, done.stderr
    lines = [f"  {score:.2f} {text}" for _, text, score in expected["a page"]]
    count = len(expected["a page"])
    assert done.stdout.splitlines() == [f"{tmp_path}/page.png: {count} lines, the same by the ensemble", *lines]
