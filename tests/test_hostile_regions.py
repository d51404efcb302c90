"""Clients that do to shared memory whatever they can, against one that must not notice. --long: for minutes."""

from __future__ import annotations

import collections
import contextlib
import json
import os
import random
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tritonclient.grpc as grpcclient
import tritonclient.http as httpclient
import tritonclient.utils.shared_memory as shm
from golden_server import make_models
from hostile_client import KEYS, SHM
from living_server import engine_of
from server_process import ServerProcess, environment, serve

PROCESSES = 3
CALLS, CALLS_LONG = 1200, 30_000  # Of each process.
ELEMENTS = 4096
HTTP_WORKERS = 2


@pytest.fixture
def server(tmp_path: Path) -> Iterator[ServerProcess]:
    repository = make_models(tmp_path / "models")
    loaded = [f"--load-model={name}" for name in ("simple", "identity_fp32", "identity_bytes")]
    arguments = ["--model-control-mode=explicit", f"--http-workers={HTTP_WORKERS}", *loaded]
    with serve(f"--model-repository={repository}", *arguments) as running:
        yield running


def descriptors(pid: int) -> collections.Counter[str]:
    """What a process has open. Numbers of pipes and sockets are left out, so that two looks can be compared."""
    found: collections.Counter[str] = collections.Counter()
    for link in Path(f"/proc/{pid}/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):
            found[os.readlink(link).partition("[")[0]] += 1
    return found


def connect_front_ends(server: ServerProcess, engine: int) -> None:
    """Ask until each front end has connected to the engine, since that opens something too."""
    for _ in range(1000):
        if descriptors(engine)["/memfd:triton_lite_answers (deleted)"] == HTTP_WORKERS + 1:
            return
        with httpclient.InferenceServerClient(server.http) as client:
            client.is_server_live()
    raise AssertionError(f"not all front ends answer: {descriptors(engine)}")


class Honest:
    """A client of one protocol that checks every answer, with regions of its own and without."""

    def __init__(self, library: Any, address: str, name: str, seed: int) -> None:
        self.library = library
        self.address = address
        self.client = library.InferenceServerClient(address)
        self.random = np.random.default_rng(seed)
        self.name = name
        self.answers = 0
        self.error: BaseException | None = None
        byte_size = 4 * ELEMENTS
        self.regions = [shm.create_shared_memory_region(f"{name}{i}", f"/{name}{i}", byte_size) for i in range(2)]
        self.register()

    def register(self) -> None:
        for i in range(2):
            self.client.register_system_shared_memory(f"{self.name}{i}", f"/{self.name}{i}", 4 * ELEMENTS)

    def close(self) -> None:
        for i, region in enumerate(self.regions):
            self.client.unregister_system_shared_memory(f"{self.name}{i}")
            shm.destroy_shared_memory_region(region)
        self.client.close()

    def ask(self, client: Any) -> None:
        self.floats_in_regions(client)
        self.integers_in_regions(client)
        self.integers_without(client)
        self.answers += 3

    def floats_in_regions(self, client: Any) -> None:
        values = self.random.random(ELEMENTS, np.float32)
        shm.set_shared_memory_region(self.regions[0], [values])
        tensor = self.library.InferInput("INPUT0", [1, ELEMENTS], "FP32")
        tensor.set_shared_memory(f"{self.name}0", values.nbytes)
        output = self.library.InferRequestedOutput("OUTPUT0")
        output.set_shared_memory(f"{self.name}1", values.nbytes)
        client.infer("identity_fp32", [tensor], outputs=[output])
        np.testing.assert_array_equal(shm.get_contents_as_numpy(self.regions[1], np.float32, [ELEMENTS]), values)

    def pair(self) -> tuple[np.ndarray, np.ndarray]:
        first, second = self.random.integers(-(2**20), 2**20, (2, 1, 16), np.int32)
        return first, second

    def integers_in_regions(self, client: Any) -> None:
        pair = self.pair()
        shm.set_shared_memory_region(self.regions[0], list(pair))
        tensors = [self.library.InferInput(f"INPUT{i}", [1, 16], "INT32") for i in range(2)]
        outputs = [self.library.InferRequestedOutput(f"OUTPUT{i}") for i in range(2)]
        for i in range(2):
            tensors[i].set_shared_memory(f"{self.name}0", 64, 64 * i)
            outputs[i].set_shared_memory(f"{self.name}1", 64, 64 * i)
        client.infer("simple", tensors, outputs=outputs)
        for i, expected in enumerate((pair[0] + pair[1], pair[0] - pair[1])):
            got = shm.get_contents_as_numpy(self.regions[1], np.int32, [1, 16], 64 * i)
            np.testing.assert_array_equal(got, expected)

    def integers_without(self, client: Any) -> None:
        pair = self.pair()
        tensors = [self.library.InferInput(f"INPUT{i}", [1, 16], "INT32") for i in range(2)]
        for tensor, values in zip(tensors, pair, strict=True):
            tensor.set_data_from_numpy(values)
        answer = client.infer("simple", tensors)
        np.testing.assert_array_equal(answer.as_numpy("OUTPUT0"), pair[0] + pair[1])
        np.testing.assert_array_equal(answer.as_numpy("OUTPUT1"), pair[0] - pair[1])

    def run(self, over: threading.Event) -> None:
        """Ask until it is over, on a thread, with a connection of that thread's own."""
        try:
            with self.library.InferenceServerClient(self.address) as client:
                while not over.is_set():
                    self.ask(client)
        except BaseException as error:
            self.error = error


@contextlib.contextmanager
def honest_clients(server: ServerProcess, seed: int) -> Iterator[list[Honest]]:
    with contextlib.ExitStack() as stack:
        clients = []
        for library, address in ((httpclient, server.http), (grpcclient, server.grpc)):
            name = f"tl_honest_{os.getpid()}_{library.__name__.rpartition('.')[2]}_"
            client = Honest(library, address, name, seed)
            stack.callback(client.close)
            clients.append(client)
        yield clients


def run_hostile(server: ServerProcess, seed: int, calls: int, family: str) -> collections.Counter[str]:
    """Run the hostile clients to their end; what became of their calls."""
    script = str(Path(__file__).with_name("hostile_client.py"))
    processes = [
        subprocess.Popen(
            [sys.executable, script, str(seed + i), str(calls), server.http, server.grpc, family],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment(),
        )
        for i in range(PROCESSES)
    ]  # fmt: skip
    ended: collections.Counter[str] = collections.Counter()
    try:
        for i, process in enumerate(processes):
            output, errors = process.communicate()
            assert process.returncode == 0, f"hostile client of seed {seed + i}:\n{errors[-4000:]}"
            ended.update(json.loads(output))
    finally:
        for process in processes:
            process.kill()
            process.wait()
    return ended


def remove_objects(family: str) -> None:
    for i in range(KEYS):
        (SHM / f"{family}_{i}").unlink(missing_ok=True)


def check_that_clients_got_somewhere(ended: collections.Counter[str]) -> None:
    """Neither was all refused, nor did all go well."""
    for call in ("register", "infer", "unregister", "status", "send_raw_http", "send_raw_grpc"):
        assert ended[f"{call}: done"] > 0, ended
    assert ended["register: refused"] > 0 and ended["infer: refused"] > 0 and ended["truncated"] > 0, ended


@pytest.mark.timeout(1800)
def test_nobody_else_notices(server: ServerProcess, request: pytest.FixtureRequest) -> None:
    seed = int(os.environ.get("HOSTILE_SEED") or random.SystemRandom().randrange(1 << 31))
    print(f"HOSTILE_SEED={seed}")  # Shown when the test fails.
    calls = CALLS_LONG if request.config.getoption("--long") else CALLS
    family = f"tl_hostile_{os.getpid()}"
    engine = engine_of(server.process.pid)
    over = threading.Event()
    with honest_clients(server, seed) as honest:
        for one in honest:
            one.ask(one.client)
        connect_front_ends(server, engine)
        before = descriptors(engine)
        threads = [threading.Thread(target=one.run, args=(over,)) for one in honest]
        for thread in threads:
            thread.start()
        try:
            ended = run_hostile(server, seed, calls, family)
        finally:
            over.set()
            for thread in threads:
                thread.join()
            remove_objects(family)
        print(f"{[one.answers for one in honest]} right answers meanwhile; {dict(sorted(ended.items()))}")
        for one in honest:
            assert one.error is None, one.error
            assert one.answers > 30
        check_that_clients_got_somewhere(ended)
        assert engine_of(server.process.pid) == engine, server.text()
        honest[0].client.unregister_system_shared_memory()
        maps = Path(f"/proc/{engine}/maps").read_text()
        assert family not in maps and "tl_honest_" not in maps
        assert descriptors(engine) == before
        for one in honest:
            one.register()
            one.ask(one.client)
