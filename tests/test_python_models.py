"""Models written for Triton's Python backend give the answers here that they give there.

`python_models/expected.json` holds what the real Triton 2.51 answered (python_models/record.py). With --oracle its
program, or the environment variable TRITON_ORACLE, a server of it is asked as well.

`python_models/otherwise.json` holds where this server answers otherwise on purpose, by its sources as newer releases
do: a model that calls others gets the code of their error, and errors of decoupled ones, which 2.51 loses; who asks for
an unknown model is told so; the only answer of a model that is not decoupled is final.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tritonclient.grpc as grpc
from python_models import calls, live
from python_models.calls import Address, Answer, Call
from python_models.table import cases, text
from server_process import ServerProcess

EXPECTED: dict[str, list[Answer]] = json.loads(live.EXPECTED.read_text())
OTHERWISE: dict[str, list[Answer]] = json.loads((live.FOLDER / "otherwise.json").read_text())
Running = tuple[ServerProcess, Address, dict[str, list[Answer]]]


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with live.ours(tmp_path_factory.mktemp("ours")) as (server, address):
        yield server, address, live.ask(address)


@pytest.fixture(scope="module")
def there(oracle: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with live.triton(oracle, tmp_path_factory.mktemp("triton")) as (server, address):
        yield server, address, live.ask(address)


@pytest.fixture(params=["here", "there"])
def running(request: pytest.FixtureRequest) -> Running:
    found: Running = request.getfixturevalue(request.param)
    return found


def test_every_case_is_recorded() -> None:
    assert [case.name for case in cases()] == list(EXPECTED)


@pytest.mark.parametrize("name", list(EXPECTED))
def test_answers_are_those_of_triton(here: Running, name: str) -> None:
    assert here[2][name] == OTHERWISE.get(name, EXPECTED[name])


def test_what_is_otherwise_is_in_the_table() -> None:
    assert all(EXPECTED[name] != answers for name, answers in OTHERWISE.items())


def test_triton_still_gives_them(there: Running) -> None:
    assert there[2] == EXPECTED


def eventually(condition: Callable[[], bool], seconds: float = 20) -> bool:
    """True as soon as the condition holds."""
    deadline = time.monotonic() + seconds
    pause = threading.Event()
    while not condition():
        if time.monotonic() > deadline:
            return False
        pause.wait(0.02)
    return True


def test_what_a_model_says_is_in_the_log(running: Running) -> None:
    server, address, _ = running
    calls.over_http(address, [Call("talkative", {"WORD": text("a-word-of-this-test")})])
    for line in ("log", "log at a level", "log_info", "log_warn", "log_error", "print"):
        assert eventually(lambda line=line: f"a-word-of-this-test: {line}" in server.text()), line  # type: ignore[misc]
    assert "a-word-of-this-test: log_verbose" not in server.text()
    assert "talkative: at the start" in server.text()


def test_a_cancelled_stream_tells_its_model(running: Running) -> None:
    server, address, _ = running
    answered = threading.Event()
    seconds = grpc.InferInput("SECONDS", [1], "FP32")
    seconds.set_data_from_numpy(np.array([120], np.float32))

    def first(result: Any, error: Any) -> None:
        answered.set()

    before = server.text().count("patient: cancelled")
    with grpc.InferenceServerClient(address.grpc) as client:
        client.start_stream(callback=first)
        client.async_stream_infer("patient", [seconds])
        assert answered.wait(20)
        client.stop_stream(cancel_requests=True)
    assert eventually(lambda: server.text().count("patient: cancelled") == before + 1)


def test_finalize_runs_when_a_model_is_unloaded(running: Running) -> None:
    server, address, _ = running
    assert "talkative: at the end" not in server.text()
    calls.over_path(address, "/v2/repository/models/talkative/unload", {})
    assert eventually(lambda: "talkative: at the end" in server.text())
    assert eventually(lambda: "finalize failed" in server.text())
