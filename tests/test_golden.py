"""The golden corpus against `triton-lite serve` and against the front ends started by hand."""

from __future__ import annotations

import contextlib
import filecmp
import os
import re
import threading
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
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
    "config",
    "repository",
    "shared_memory",
    "sequence",
    "statistics",
    "logging",
    "trace",
]
GRPC_AREAS = [
    "grpc_health",
    "grpc_metadata",
    "grpc_infer",
    "grpc_infer_errors",
    "grpc_stream",
    "grpc_parameters",
    "grpc_classification",
    "grpc_config",
    "grpc_repository",
    "grpc_shared_memory",
    "grpc_sequence",
    "grpc_statistics",
    "grpc_logging",
    "grpc_trace",
]
REGION_AREAS = ["shared_memory", "grpc_shared_memory"]
# Of the error texts, at least this part must be exactly Triton's; docs/golden.md lists the others with the reason.
EQUAL_TEXTS = 0.97
# Triton's ONNX Runtime backend cuts a BYTES element at its first NUL. Here it is kept: these cases must differ.
NULS_ARE_KEPT = {"infer_binary/identity_bytes", "infer_json/bytes_unicode_escape", "shared_memory/infer_bytes"}

SERVERS = {
    "serve": golden_serve,
    "gunicorn-sync": golden_gunicorn,
    "gunicorn-asgi": lambda folder: golden_gunicorn(folder, "-k", "asgi"),
    "gunicorn-own": lambda folder: golden_gunicorn(folder, "-k", "triton_lite.frontends.http.worker.Worker"),
}


@dataclass(frozen=True)
class Replayed:
    """A server, and what came of the corpus there."""

    server: ServerProcess
    outcome: Future[Replay]


_regions = threading.Lock()


def replay_all(server: ServerProcess) -> Replay:
    """The whole corpus; the areas whose regions have fixed names only while nobody else replays those."""
    others = replay(server, [area for area in HTTP_AREAS + GRPC_AREAS if area not in REGION_AREAS], "--show-messages")
    with _regions:
        regions = replay(server, REGION_AREAS, "--show-messages")
    return Replay(others.areas | regions.areas, others.output + regions.output)


@pytest.fixture(scope="module")
def all_replayed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Replayed]]:
    """All servers at the same time: nearly all that a replay does is to wait, as its cases say."""
    with contextlib.ExitStack() as servers, ThreadPoolExecutor(len(SERVERS)) as pool:
        running = {
            name: servers.enter_context(serve(tmp_path_factory.mktemp("golden"))) for name, serve in SERVERS.items()
        }
        yield {name: Replayed(server, pool.submit(replay_all, server)) for name, server in running.items()}


@pytest.fixture(scope="module", params=SERVERS)
def replayed(request: pytest.FixtureRequest, all_replayed: dict[str, Replayed]) -> Replayed:
    return all_replayed[request.param]


@pytest.fixture(scope="module")
def outcome(replayed: Replayed) -> Replay:
    return replayed.outcome.result()


def blocks(outcome: Replay, area: str) -> dict[str, str]:
    """What the replay printed of each case of the area that failed: AREA/NAME -> differences."""
    found = re.findall(rf"^FAIL ({area}/\w+)\n((?:    .*\n)*)", outcome.output, re.M)
    return {name: differences for name, differences in found}


@pytest.mark.parametrize("area", HTTP_AREAS + GRPC_AREAS)
def test_area_passes(outcome: Replay, area: str) -> None:
    failed = blocks(outcome, area)
    deliberate = {name for name in NULS_ARE_KEPT if name.startswith(f"{area}/")}
    assert set(failed) == deliberate, failed
    score = outcome.areas[area]
    assert score.passed == score.cases - len(deliberate)


# These cases were written by hand: they expect no content type of /v2/health/live, where Triton was recorded with one.
UNRECORDED_TYPE = "    body: step 1: header content-type: expected None, got 'text/plain'\n"


def test_requests_that_end_triton_are_refused(replayed: Replayed) -> None:
    """Triton 2.51 terminates on these; here each is refused, and the server goes on."""
    replayed.outcome.result()  # They are not to disturb it.
    outcome = replay(replayed.server, ["robustness"], "--cases", str(GOLDEN / "cases_robustness"))
    statuses = re.search(r"^robustness +\d+/\d+ +(\d+)/(\d+)", outcome.output, re.M)
    assert statuses is not None
    assert statuses[1] == statuses[2] == str(outcome.areas["robustness"].cases) != "0", outcome.output
    assert set(blocks(outcome, "robustness").values()) <= {UNRECORDED_TYPE}, outcome.output


def test_nuls_in_bytes_are_kept(outcome: Replay) -> None:
    binary = blocks(outcome, "infer_binary")["infer_binary/identity_bytes"]
    assert r"plain\x03\x00\x00\x00\x00\xff\x80" in binary.split("got")[-1]
    text = blocks(outcome, "infer_json")["infer_json/bytes_unicode_escape"]
    assert r"\u0000z" in text.split("got")[-1]


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
