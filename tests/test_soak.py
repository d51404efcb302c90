"""`digits` at concurrency 32 over both protocols: no wrong answer, memory flat. --long: for 60 s."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from typing import Any

import numpy as np
import onnxruntime
import pytest
import tritonclient.grpc as grpcclient
import tritonclient.http as httpclient
from processes import descendants, memory_of
from repositories import MODELS
from server_process import ServerProcess, serve

CLIENTS = 16  # Of each protocol.
ROWS = 4
# What the answers' buffers, pools and the allocator may keep between the two readings.
ALLOWED_GROWTH = 24 << 20


@pytest.fixture(scope="module")
def server() -> Iterator[ServerProcess]:
    with serve(f"--model-repository={MODELS}") as running:
        yield running


def memory(server: ServerProcess) -> int:
    """Resident bytes of all processes of the server, shared pages counted once."""
    return sum(memory_of(pid).get("Pss", 0) for pid in [server.process.pid, *descendants(server.process.pid)])


def expected() -> tuple[np.ndarray, np.ndarray]:
    """Random images and what ONNX Runtime itself makes of them."""
    images = np.random.default_rng(5).integers(0, 17, (256, 64)).astype(np.float32)
    session = onnxruntime.InferenceSession(str(MODELS / "digits" / "1" / "model.onnx"))
    return images, session.run(None, {"PIXELS": images})[0]


def client_loop(module: Any, address: str, seed: int, until: float, tally: list[int], wrong: list[str]) -> None:
    images, truth = expected()
    random = np.random.default_rng(seed)
    with module.InferenceServerClient(address) as client:
        while time.monotonic() < until and not wrong:
            rows = random.integers(0, len(images), ROWS)
            tensor = module.InferInput("PIXELS", [ROWS, 64], "FP32")
            tensor.set_data_from_numpy(images[rows])
            answer = client.infer("digits", [tensor]).as_numpy("PROBABILITIES")
            if not np.allclose(answer, truth[rows], atol=1e-5):
                wrong.append(f"{module.__name__} client {seed}: rows {rows}")
            tally[0] += 1


def test_answers_stay_right_and_memory_flat(server: ServerProcess, request: pytest.FixtureRequest) -> None:
    seconds = 60 if request.config.getoption("--long") else 8
    start = time.monotonic()
    wrong: list[str] = []
    tallies = [[0] for _ in range(2 * CLIENTS)]
    threads = []
    for index, tally in enumerate(tallies):
        module, address = ((httpclient, server.http), (grpcclient, server.grpc))[index % 2]
        arguments = (module, address, index, start + seconds, tally, wrong)
        threads.append(threading.Thread(target=client_loop, args=arguments))
    for thread in threads:
        thread.start()
    threads[0].join(seconds / 2)
    before = memory(server)
    for thread in threads:
        thread.join()
    after = memory(server)
    assert not wrong
    assert all(tally[0] > 0 for tally in tallies)
    print(f"{sum(t[0] for t in tallies)} answers in {seconds} s, {before / 1e6:.0f} MB then {after / 1e6:.0f} MB")
    assert after - before < ALLOWED_GROWTH
