"""Clients that take their memory away, leave, or give handles of nothing: others do not notice. A server of its own."""

from __future__ import annotations

import base64
import contextlib
import re
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gpu_models
import gpu_regions
import numpy as np
import pytest
import tritonclient.grpc as grpcclient
import tritonclient.http as httpclient
from gpu_machine import wait_for
from gpu_models import WIDTH
from gpu_regions import GpuRegion, gpu_region, output_in, placed, plain
from server_process import ServerProcess, environment
from tritonclient.utils import InferenceServerException

SIZE = 4 * WIDTH
LARGE = 4 << 20
FIRST = np.arange(WIDTH, dtype=np.float32).reshape(1, WIDTH)
SECOND = np.full((1, WIDTH), 3, np.float32)
CLIENT = Path(__file__).with_name("gpu_client.py")


@pytest.fixture(scope="module")
def server(gpu_repository: Path) -> Iterator[ServerProcess]:
    with gpu_models.serve_models(gpu_repository, "add_sub", "add_sub_cpu", "delayed") as running:
        yield running


@pytest.fixture
def client(server: ServerProcess, library: Any) -> Iterator[Any]:
    with gpu_regions.connect(server, library) as connected:
        yield connected
        connected.unregister_cuda_shared_memory()


def check_others(client: Any, library: Any) -> None:
    """Whatever happened, the server answers, and so does the GPU."""
    for model in ("add_sub", "add_sub_cpu"):
        inputs = [plain(library, "INPUT0", FIRST), plain(library, "INPUT1", SECOND)]
        np.testing.assert_array_equal(client.infer(model, inputs).as_numpy("OUTPUT0"), FIRST + SECOND)
        with gpu_region(client, 2 * SIZE) as region:
            region.write(FIRST, SECOND)
            inputs = [placed(library, f"INPUT{i}", [1, WIDTH], region, SIZE, i * SIZE) for i in range(2)]
            client.infer(model, inputs, outputs=[output_in(library, "OUTPUT0", region, SIZE)])
            np.testing.assert_array_equal(region.read(np.float32, WIDTH), (FIRST + SECOND)[0])


def pinned_bytes(server: ServerProcess) -> int:
    with urllib.request.urlopen(f"http://127.0.0.1:{server.metrics_port}/metrics", timeout=30) as answer:
        found = re.search(r"^nv_pinned_memory_pool_used_bytes (\S+)$", answer.read().decode(), re.M)
    assert found
    return int(float(found[1]))


def test_handles_of_nothing(client: Any, library: Any) -> None:
    for content in (bytes(64), b"\xff" * 64, bytes(range(64))):
        with pytest.raises(InferenceServerException, match="failed to register shared memory region: invalid args"):
            client.register_cuda_shared_memory("nothing", base64.b64encode(content), 0, 64)
    check_others(client, library)


def test_unregistered_while_a_request_runs(server: ServerProcess, client: Any, library: Any) -> None:
    done: list[Any] = []
    answered = threading.Event()

    def on_answer(result: Any, error: Any) -> None:
        done.append(error)
        answered.set()

    with gpu_region(client, LARGE) as region, gpu_regions.connect(server, grpcclient) as runner:
        region.write(FIRST)
        wait_for(lambda: pinned_bytes(server) == 0, lambda: pinned_bytes(server))
        inputs = [placed(grpcclient, "INPUT0", [WIDTH], region, SIZE)]
        output = output_in(grpcclient, "OUTPUT0", region, SIZE, SIZE)
        runner.async_infer("delayed", inputs, on_answer, outputs=[output], client_timeout=60)
        # The copy of its input is there as long as the model runs.
        wait_for(lambda: pinned_bytes(server) > 0 or bool(done), lambda: done)
        client.unregister_cuda_shared_memory(region.name)
        with pytest.raises(InferenceServerException, match="already in manager"):  # It stays while it is in use.
            region.register(client)
        assert answered.wait(60)
        assert done == [None]
        with pytest.raises(InferenceServerException, match="Unable to find shared memory region"):
            client.infer("delayed", [placed(library, "INPUT0", [WIDTH], region, SIZE)])
        np.testing.assert_array_equal(region.read(np.float32, WIDTH, SIZE), FIRST[0])
    check_others(client, library)


def test_registered_and_unregistered_under_load(server: ServerProcess, client: Any, library: Any) -> None:
    """Every request is right, or finds no region."""
    stop = threading.Event()
    outcomes: list[str] = []
    region = GpuRegion(LARGE)
    region.write(FIRST, SECOND)

    def work() -> None:
        with gpu_regions.connect(server, library) as mine:
            inputs = [placed(library, f"INPUT{i}", [1, WIDTH], region, SIZE, i * SIZE) for i in range(2)]
            while not stop.is_set():
                try:
                    answer = mine.infer("add_sub", inputs).as_numpy("OUTPUT0")
                    outcomes.append("right" if np.array_equal(answer, FIRST + SECOND) else "wrong")
                except InferenceServerException as error:
                    missing = "Unable to find shared memory region" in str(error)
                    outcomes.append("missing" if missing else str(error))

    threads = [threading.Thread(target=work, daemon=True) for _ in range(4)]
    for thread in threads:
        thread.start()
    try:
        for _ in range(50):
            with contextlib.suppress(InferenceServerException):  # There still is one: requests have always used it.
                region.register(client)
            right = outcomes.count("right")
            wait_for(lambda right=right: outcomes.count("right") > right, lambda: outcomes[-20:])  # type: ignore[misc]
            client.unregister_cuda_shared_memory(region.name)
    finally:
        stop.set()
        for thread in threads:
            thread.join(60)
        client.unregister_cuda_shared_memory(region.name)
        region.free()
    assert set(outcomes) <= {"right", "missing"}
    check_others(client, library)


def test_memory_that_is_freed_while_registered(client: Any, library: Any) -> None:
    region = GpuRegion(LARGE)
    region.register(client)
    region.free()
    check_others(client, library)
    client.unregister_cuda_shared_memory(region.name)
    check_others(client, library)


def test_a_client_that_ends_without_a_word(server: ServerProcess, client: Any, library: Any) -> None:
    command = [sys.executable, str(CLIENT), server.http, "left_behind"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, env=environment())
    assert done.stdout == "used\n", done.stdout + done.stderr
    check_others(client, library)
    # What lay there may be gone or not: the answer is one or an error, and it is an answer.
    with contextlib.suppress(InferenceServerException), gpu_regions.connect(server, httpclient) as other:
        inputs = [httpclient.InferInput(f"INPUT{i}", [1, WIDTH], "FP32") for i in range(2)]
        for one in inputs:
            one.set_shared_memory("left_behind", SIZE, 0)
        other.infer("add_sub", inputs)
    check_others(client, library)
    client.unregister_cuda_shared_memory("left_behind")
    check_others(client, library)
