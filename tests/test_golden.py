"""The golden corpus against `triton-lite serve` and against the front ends started by hand."""

from __future__ import annotations

import filecmp
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from golden_server import GOLDEN, AreaScore, Replay, golden_gunicorn, golden_serve, replay
from server_process import ServerProcess

HTTP_AREAS = [
    "health",
    "metadata",
    "infer_json",
    "infer_binary",
    "infer_errors",
    "infer_binary_errors",
    "compression",
    "parameters",
    "classification",
    "generate",
]
GRPC_AREAS = [
    "grpc_health",
    "grpc_metadata",
    "grpc_infer",
    "grpc_infer_errors",
    "grpc_stream",
    "grpc_parameters",
    "grpc_classification",
]
# Of the error texts, at least this part must be exactly Triton's; docs/golden.md lists the others with the reason.
EQUAL_TEXTS = 0.97

SERVERS = {
    "serve": golden_serve,
    "gunicorn-sync": golden_gunicorn,
    "gunicorn-asgi": lambda folder: golden_gunicorn(folder, "-k", "asgi"),
}


@pytest.fixture(scope="module", params=SERVERS)
def server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    with SERVERS[request.param](tmp_path_factory.mktemp("golden")) as running:
        yield running


@pytest.fixture(scope="module")
def outcome(server: ServerProcess) -> Replay:
    return replay(server, HTTP_AREAS + GRPC_AREAS, "--show-messages")


def failures(outcome: Replay, area: str) -> str:
    """What the replay printed of one area."""
    blocks = outcome.output.replace("\nFAIL ", "\0FAIL ").replace("\nnote ", "\0note ").split("\0")
    return "\n".join(block for block in blocks if block.startswith((f"FAIL {area}/", f"note {area}/")))


@pytest.mark.parametrize("area", HTTP_AREAS + GRPC_AREAS)
def test_area_passes(outcome: Replay, area: str) -> None:
    score = outcome.areas[area]
    assert score.passed == score.cases, failures(outcome, area)


def test_error_texts_are_tritons(outcome: Replay) -> None:
    scores: list[AreaScore] = list(outcome.areas.values())
    equal, all_texts = sum(s.equal_texts for s in scores), sum(s.texts for s in scores)
    assert all_texts > 100
    assert equal >= EQUAL_TEXTS * all_texts, outcome.output[-12000:]


def test_corpus_is_the_reference() -> None:
    """Where the reference corpus lies beside the project, the copy here must be equal to it."""
    reference = Path(os.environ.get("TRITON_LITE_GOLDEN", GOLDEN.parents[2] / "shared" / "golden"))
    if not reference.is_dir():
        pytest.skip(f"no reference corpus in {reference}")
    for folder in ("cases", "cases_robustness", "observed"):
        names = sorted(path.name for path in (reference / folder).iterdir())
        assert names == sorted(path.name for path in (GOLDEN / folder).iterdir())
        _, different, errors = filecmp.cmpfiles(reference / folder, GOLDEN / folder, names, shallow=False)
        assert not different and not errors
    for name in ("make_models.py", "replay.py"):
        assert filecmp.cmp(reference / name, GOLDEN / name, shallow=False), name
