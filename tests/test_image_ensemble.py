"""The image ensemble answers what its three graphs answer when ONNX Runtime runs them by hand."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from runpy import run_path

import numpy as np
import onnxruntime
import pytest
import tritonclient.grpc as grpcclient
from server_process import ServerProcess, run_script, serve

EXAMPLE = Path(__file__).resolve().parents[1] / "examples" / "image_ensemble"
pictures = run_path(str(EXAMPLE / "read_digits.py"))["pictures"]


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("images")
    done = run_script(sys.executable, EXAMPLE / "build_repository.py", folder)
    assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture(scope="module")
def server(repository: Path) -> Iterator[ServerProcess]:
    with serve(f"--model-repository={repository}") as running:
        yield running


def by_hand(repository: Path, picture: np.ndarray) -> tuple[str, float]:
    def run(name: str, **inputs: np.ndarray) -> list[np.ndarray]:
        session = onnxruntime.InferenceSession(str(repository / name / "1" / "model.onnx"))
        outputs: list[np.ndarray] = session.run(None, inputs)
        return outputs

    (pixels,) = run("prepare_image", IMAGE=picture)
    (probabilities,) = run("digits", PIXELS=pixels[None])
    digit, score = run("name_digit", PROBABILITIES=probabilities)
    return str(digit.item()), float(score.item())


def test_example(server: ServerProcess, repository: Path) -> None:
    done = run_script(sys.executable, EXAMPLE / "read_digits.py", server.http, 20)
    assert done.returncode == 0, done.stderr
    lines = re.findall(r"^(\d+)x(\d+): read (\d) \((\d\.\d+)\), written (\d)$", done.stdout, re.M)
    assert len(lines) == 20
    for (width, height, digit, score, written), (picture, target) in zip(lines, pictures(20), strict=True):
        assert (int(height), int(width)) == picture.shape[:2]
        expected, expected_score = by_hand(repository, picture)
        assert (digit, int(written)) == (expected, target)
        assert float(score) == pytest.approx(expected_score, abs=6e-5)
    assert sum(digit == written for _, _, digit, _, written in lines) >= 18


def test_many_clients_at_once(server: ServerProcess, repository: Path) -> None:
    some = pictures(40)
    with grpcclient.InferenceServerClient(server.grpc) as client:

        def read(picture: np.ndarray) -> tuple[str, float]:
            image = grpcclient.InferInput("IMAGE", list(picture.shape), "UINT8")
            image.set_data_from_numpy(picture)
            answer = client.infer("digit_reader", [image])
            return answer.as_numpy("DIGIT").item().decode(), float(answer.as_numpy("SCORE").item())

        with ThreadPoolExecutor(8) as pool:
            answers = list(pool.map(read, [picture for picture, _ in some]))
    for (digit, score), (picture, _) in zip(answers, some, strict=True):
        expected, expected_score = by_hand(repository, picture)
        assert digit == expected
        assert score == pytest.approx(expected_score, abs=1e-6)
