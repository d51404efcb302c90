"""Models that are loaded, unloaded, broken, mended and reloaded at random, under load. --long: for 5 minutes.

No request to a model that was ready fails, and every answer comes from a version that was valid when it was asked for.
"""

from __future__ import annotations

import random
import shutil
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tritonclient.grpc as grpcclient
import tritonclient.http as httpclient
from server_process import serve
from tritonclient.utils import InferenceServerException

NOT_READY = 0  # Stands for a version where there is none.
CONFIG = """backend: "identity" max_batch_size: 4 version_policy { latest { num_versions: 1 } }
input [ { name: "INPUT0" data_type: TYPE_FP32 dims: 4 } ]
output [ { name: "OUTPUT0" data_type: TYPE_FP32 dims: 4 } ]
"""
ENSEMBLE = """platform: "ensemble" max_batch_size: 4
input [ { name: "INPUT0" data_type: TYPE_FP32 dims: 4 } ]
output [ { name: "OUTPUT0" data_type: TYPE_FP32 dims: 4 } ]
ensemble_scheduling { step { model_name: "a" model_version: -1
  input_map { key: "INPUT0" value: "INPUT0" } output_map { key: "OUTPUT0" value: "OUTPUT0" } } }
"""


class History:
    """Which versions may answer, from when on."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._entries: list[tuple[float, frozenset[int]]] = [(0.0, frozenset({NOT_READY}))]

    def now(self) -> frozenset[int]:
        with self._lock:
            return self._entries[-1][1]

    @contextmanager
    def becoming(self, version: int) -> Iterator[None]:
        """While it lasts both the old and the new one are valid; afterwards the new one alone."""
        with self._lock:
            self._entries.append((time.monotonic(), self._entries[-1][1] | {version}))
        yield
        with self._lock:
            self._entries.append((time.monotonic(), frozenset({version})))

    def between(self, start: float, end: float) -> set[int]:
        with self._lock:
            entries = self._entries
            first = max(i for i, (since, _) in enumerate(entries) if since <= start)
            return {version for since, valid in entries[first:] if since <= end for version in valid}


class Churner(threading.Thread):
    """Does what an operator might, to one model; `ensemble` follows it."""

    def __init__(
        self, folder: Path, module: Any, address: str, seed: int, until: float, ensemble: History | None
    ) -> None:
        super().__init__()
        self.history = History()
        self.done: dict[str, int] = {}
        self.problems: list[str] = []
        self._folder = folder
        self._connect = lambda: module.InferenceServerClient(address)
        self._client: Any = None
        self._random = random.Random(seed)
        self._until = until
        self._ensemble = ensemble or self.history
        self._newest = 0

    def run(self) -> None:
        with self._connect() as self._client:  # A client belongs to its thread.
            self._add_version()
            with self.history.becoming(self._newest):
                self._client.load_model(self._folder.name)
            if self._ensemble is not self.history:
                with self._ensemble.becoming(1):
                    self._client.load_model("e")
            self._act()

    def _act(self) -> None:
        actions = [self.load, self.reload, self.reload, self.break_and_mend, self.unload]
        while time.monotonic() < self._until and not self.problems:
            action = self._random.choice(actions)
            try:
                action()
            except Exception as error:
                self.problems.append(f"{action.__name__}: {error}")
            self.done[action.__name__] = self.done.get(action.__name__, 0) + 1

    def load(self) -> None:
        """Load what is there: nothing happens to what is served already."""
        with self._becoming(self._newest):
            self._client.load_model(self._folder.name)

    def reload(self) -> None:
        """Bring a new version, take the old ones away."""
        self._add_version()
        with self._becoming(self._newest):
            self._client.load_model(self._folder.name)
        for old in self._folder.glob("[0-9]*"):
            if int(old.name) < self._newest - 1:
                shutil.rmtree(old)

    def break_and_mend(self) -> None:
        """A reload that fails changes nothing."""
        for broken in ("nonsense {", CONFIG.replace('"identity"', '"nothing"')):
            self._write(broken)
            try:
                self._client.load_model(self._folder.name)
                self.problems.append("a broken model was loaded")
            except InferenceServerException:
                pass
        self._write(CONFIG)
        with self._becoming(self._newest):
            self._client.load_model(self._folder.name)

    def unload(self) -> None:
        """Take it away."""
        with self._becoming(NOT_READY):
            self._client.unload_model(self._folder.name)

    @contextmanager
    def _becoming(self, version: int) -> Iterator[None]:
        with self.history.becoming(version):
            if self._ensemble is self.history:
                yield
                return
            with self._ensemble.becoming(1 if version else NOT_READY):
                yield

    def _add_version(self) -> None:
        self._newest += 1
        (self._folder / str(self._newest)).mkdir()

    def _write(self, config: str) -> None:
        path = self._folder / "config.pbtxt"
        path.with_suffix(".new").write_text(config)
        path.with_suffix(".new").replace(path)


def ask(
    module: Any, address: str, model: str, history: History, until: float, tally: list[int], wrong: list[str]
) -> None:
    data = np.arange(4, dtype=np.float32).reshape(1, 4)
    with module.InferenceServerClient(address) as client:
        while time.monotonic() < until and not wrong:
            tensor = module.InferInput("INPUT0", [1, 4], "FP32")
            tensor.set_data_from_numpy(data)
            start = time.monotonic()
            try:
                answer = client.infer(model, [tensor])
            except InferenceServerException as error:
                version, text = NOT_READY, str(error)
            else:
                response = answer.get_response()
                version = int(response["model_version"] if isinstance(response, dict) else response.model_version)
                text = "a wrong answer" if not np.array_equal(answer.as_numpy("OUTPUT0"), data) else ""
            valid = history.between(start, time.monotonic())
            if version not in valid or (version != NOT_READY and text):
                wrong.append(f"{model}: {version} is none of {sorted(valid)}: {text}")
            tally[version != NOT_READY] += 1


def wait_for_grpc(address: str) -> None:
    import grpc

    with grpc.insecure_channel(address) as channel:
        grpc.channel_ready_future(channel).result(timeout=60)


@pytest.mark.timeout(500)
def test_churn(tmp_path: Path, request: pytest.FixtureRequest) -> None:
    seconds = 300 if request.config.getoption("--long") else 30
    for name, config in (("a", CONFIG), ("b", CONFIG), ("e", ENSEMBLE)):
        (tmp_path / name).mkdir()
        (tmp_path / name / "config.pbtxt").write_text(config)
    (tmp_path / "e" / "1").mkdir()
    wrong: list[str] = []
    arguments = [f"--model-repository={tmp_path}", "--model-control-mode=explicit"]
    with serve(*arguments, "--http-workers=2", "--grpc-processes=2") as server:
        wait_for_grpc(server.grpc)
        until = time.monotonic() + seconds
        ensemble = History()
        a = Churner(tmp_path / "a", httpclient, server.http, 1, until, ensemble)
        b = Churner(tmp_path / "b", grpcclient, server.grpc, 2, until, None)
        tallies = [[0, 0] for _ in range(6)]
        threads: list[threading.Thread] = [a, b]
        for number, tally in enumerate(tallies):
            model, history = (("a", a.history), ("b", b.history), ("e", ensemble))[number // 2]
            module, address = ((httpclient, server.http), (grpcclient, server.grpc))[number % 2]
            given = (module, address, model, history, until, tally, wrong)
            threads.append(threading.Thread(target=ask, args=given))
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert not wrong and not a.problems and not b.problems, (wrong, a.problems, b.problems)
    assert all(answered > 20 for _, answered in tallies), tallies
    assert min(len(a.done), len(b.done)) >= 4, (a.done, b.done)
