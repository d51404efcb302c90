"""Real streams through a real recurrent model: what the server answers is what ONNX Runtime gives chunk by chunk."""

from __future__ import annotations

import importlib
import itertools
import queue
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import onnxruntime
import pytest
import tritonclient.grpc
import tritonclient.http
from server_process import ServerProcess, run_script, serve

FOLDER = Path(__file__).resolve().parents[1] / "examples" / "voice_activity"
STREAMS = 20
SECONDS = 0.5  # Of each third of a stream.


@pytest.fixture(scope="module")
def sound() -> Iterator[ModuleType]:
    sys.path.insert(0, str(FOLDER))
    yield importlib.import_module("sound")
    sys.path.remove(str(FOLDER))


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("voice")
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "-q", "-d", str(folder), "silero-vad"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    wheels = list(folder.glob("silero_vad-*.whl"))
    if not wheels:
        pytest.skip(f"the wheel of silero-vad is not to be had: {done.stderr.strip()[-300:]}")
    models = folder / "models"
    built = run_script(sys.executable, FOLDER / "build_repository.py", wheels[0], models)
    assert built.returncode == 0, built.stderr
    return models


@pytest.fixture(scope="module")
def server(repository: Path) -> Iterator[ServerProcess]:
    with serve(f"--model-repository={repository}", "--http-workers=2") as running:
        yield running


@pytest.fixture(scope="module")
def streams(sound: ModuleType) -> list[list[Any]]:
    return [sound.chunks(sound.stream(seed, SECONDS)) for seed in range(STREAMS)]


@pytest.fixture(scope="module")
def expected(repository: Path, streams: list[list[Any]]) -> list[list[float]]:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    path = repository / "voice_activity" / "1" / "model.onnx"
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    answers = []
    for chunks in streams:
        state = np.zeros((2, 1, 128), np.float32)
        answers.append([])
        for chunk in chunks:
            inputs = {"input": chunk, "state": state, "sr": np.array(16000)}
            output, state = session.run(["output", "stateN"], inputs)
            answers[-1].append(float(output[0, 0]))
    assert max(map(max, answers)) > 0.5 > 0.1 > min(map(min, answers))  # Voice and silence.
    return answers


def request(library: Any, stream: int, at: int, count: int, chunk: Any, ids: str) -> dict[str, Any]:
    rate = library.InferInput("sr", [1], "INT64")
    rate.set_data_from_numpy(np.array([16000]))
    samples = library.InferInput("input", chunk.shape, "FP32")
    samples.set_data_from_numpy(chunk)
    return {
        "model_name": "voice_activity",
        "inputs": [samples, rate],
        "sequence_id": stream + 1 if ids == "number" else f"stream {stream}",
        "sequence_start": at == 0,
        "sequence_end": at == count - 1,
    }


def interleaved(streams: list[list[Any]]) -> Iterator[tuple[int, int]]:
    return ((stream, at) for at in range(len(streams[0])) for stream in range(len(streams)))


def check(found: list[list[float]], expected: list[list[float]]) -> None:
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-6)


@pytest.mark.parametrize(("library", "ids"), list(itertools.product(["http", "grpc"], ["number", "text"])))
def test_twenty_streams(
    server: ServerProcess, streams: list[list[Any]], expected: list[list[float]], library: str, ids: str
) -> None:
    module = {"http": tritonclient.http, "grpc": tritonclient.grpc}[library]
    url = server.http if library == "http" else server.grpc
    found: list[list[float]] = [[] for _ in streams]
    with module.InferenceServerClient(url) as client:
        for stream, at in interleaved(streams):
            chunks = streams[stream]
            result = client.infer(**request(module, stream, at, len(chunks), chunks[at], ids))
            found[stream].append(float(result.as_numpy("output")[0, 0]))
    check(found, expected)


def test_twenty_streams_in_one_grpc_stream(
    server: ServerProcess, streams: list[list[Any]], expected: list[list[float]]
) -> None:
    answers: queue.Queue[Any] = queue.Queue()
    found: list[list[float]] = [[] for _ in streams]
    with tritonclient.grpc.InferenceServerClient(server.grpc) as client:
        client.start_stream(lambda result, error: answers.put(error or result))
        for stream, at in interleaved(streams):
            chunks = streams[stream]
            fields = request(tritonclient.grpc, stream, at, len(chunks), chunks[at], "number")
            client.async_stream_infer(**fields, request_id=str(stream))
        for _ in interleaved(streams):
            result = answers.get(timeout=60)
            if isinstance(result, Exception):
                raise result
            found[int(result.get_response().id)].append(float(result.as_numpy("output")[0, 0]))
        client.stop_stream()
    check(found, expected)


@pytest.mark.parametrize("option", ["--http", "--grpc"])
def test_the_example_hears_the_voice(server: ServerProcess, option: str) -> None:
    url = server.http if option == "--http" else server.grpc
    done = run_script(sys.executable, FOLDER / "detect.py", f"{option}={url}")
    assert done.returncode == 0, done.stderr
    spans = [line.split() for line in done.stdout.splitlines()]
    assert spans
    assert all(2 <= float(words[2]) <= float(words[5]) <= 4.2 for words in spans)
