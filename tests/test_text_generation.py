"""Characters reach a client one by one, and are those that the model writes in one piece."""

from __future__ import annotations

import json
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from server_process import ServerProcess, run_script, serve

FOLDER = Path(__file__).resolve().parents[1] / "examples" / "text_generation"
STEPS = 60


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    models = tmp_path_factory.mktemp("writer")
    built = run_script(sys.executable, FOLDER / "train.py", models, str(STEPS))
    assert built.returncode == 0, built.stderr
    assert float(built.stdout.split()[1]) < 3.5  # Nothing learnt: log(96) = 4.6.
    return models


@pytest.fixture(scope="module")
def server(repository: Path) -> Iterator[ServerProcess]:
    with serve(f"--model-repository={repository}") as running:
        yield running


def post(server: ServerProcess, method: str, **body: Any) -> tuple[str, str]:
    """(content type, text)."""
    url = f"http://{server.http}/v2/models/writer/{method}"
    with urllib.request.urlopen(urllib.request.Request(url, json.dumps(body).encode()), timeout=60) as answer:
        return answer.headers["Content-Type"], answer.read().decode()


def characters(events: str) -> list[str]:
    return [json.loads(event.removeprefix("data: "))["text_output"] for event in events.split("\n\n") if event]


@pytest.mark.parametrize("temperature", [0, 0.7])
def test_streamed_characters_make_the_whole_text(server: ServerProcess, temperature: float) -> None:
    given = {"text_input": "The class statement ", "max_tokens": 50, "temperature": temperature, "random_seed": 7}
    kind, events = post(server, "generate_stream", stream=True, **given)
    assert kind.startswith("text/event-stream")
    streamed = characters(events)
    assert len(streamed) == 50
    assert all(len(character) == 1 for character in streamed)
    _, whole = post(server, "generate", **given)
    assert json.loads(whole)["text_output"] == "".join(streamed)


def test_the_script_prints_what_is_streamed(server: ServerProcess) -> None:
    script = FOLDER / "write.py"
    done = run_script(
        sys.executable, script, f"--url={server.http}", "--tokens=40", "--temperature=0.5", "--seed=3", "If "
    )
    assert done.returncode == 0, done.stderr
    _, events = post(
        server, "generate_stream", stream=True, text_input="If ", max_tokens=40, temperature=0.5, random_seed=3
    )
    assert done.stdout == "If " + "".join(characters(events)) + "\n"


def test_an_error_of_the_model_is_the_answer(server: ServerProcess) -> None:
    with pytest.raises(urllib.error.HTTPError) as refused:
        post(server, "generate_stream", stream=True, text_input="If ", max_tokens=0)
    assert refused.value.code == 400
    assert "max_tokens must be at least 1" in refused.value.read().decode()
