"""An engine process under measurement, called over its channel without front ends."""

from __future__ import annotations

import contextlib
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

from bench import processes
from triton_lite import _native
from triton_lite.engine.options import EngineOptions
from triton_lite.errors import Code, TritonError
from triton_lite.proto import METHODS, messages

_CALLS = 16384  # An open loop at 20,000 a second needs room for a stall.


class EngineProcess:
    """The process and a client of it. `start_seconds`: from exec until it said that it is ready."""

    def __init__(self, socket: Path, process_id: int) -> None:
        self.process_id = process_id
        self.socket = socket
        self.client = _native.ChannelClient(str(socket), "bench", _CALLS)
        self.start_seconds = 0.0

    def call(self, method: str, request: messages.Message) -> bytes:
        """Return the encoded response. Raises TritonError."""
        answer = self.client.wait(self.client.send(METHODS[method].number, request.SerializeToString()), 600)
        if answer is None or answer.code:
            raise TritonError(Code(answer.code), answer.text) if answer else TimeoutError(method)
        return bytes(answer.message)

    def load(self, name: str) -> None:
        """Load or reload a model; returns when it is served."""
        self.call("RepositoryModelLoad", messages.RepositoryModelLoadRequest(model_name=name))

    def unload(self, name: str) -> None:
        """Unload a model."""
        self.call("RepositoryModelUnload", messages.RepositoryModelUnloadRequest(model_name=name))

    def ready(self) -> bool:
        """Ask whether the server is ready."""
        answer = self.call("ServerReady", messages.ServerReadyRequest())
        return bool(messages.ServerReadyResponse.FromString(answer).ready)

    def resident_bytes(self) -> int:
        """Resident memory of the process."""
        for line in Path(f"/proc/{self.process_id}/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) * 1024
        return 0


def _connect(socket: Path, process_id: int) -> EngineProcess | None:
    try:
        return EngineProcess(socket, process_id)
    except TritonError:
        return None


@contextlib.contextmanager
def engine(options: EngineOptions) -> Iterator[EngineProcess]:
    """Run an engine until the block ends."""
    with tempfile.TemporaryDirectory() as name:
        socket, file = Path(name) / "engine.sock", Path(name) / "options.json"
        file.write_text(options.to_json())
        command = [sys.executable, "-m", "triton_lite.engine", "--socket", str(socket), "--options", str(file)]
        start = time.perf_counter()
        with processes.running(command) as process:
            pause = threading.Event()
            connected = _connect(socket, process.pid)
            while connected is None:
                if process.poll() is not None:
                    raise RuntimeError(f"the engine ended with {process.returncode}")
                pause.wait(0.002)
                connected = _connect(socket, process.pid)
            # Each look costs the process time: seldom enough not to count, often enough to tell the moment.
            processes.wait_for(connected.ready, process, 600, pause_seconds=0.02)
            connected.start_seconds = time.perf_counter() - start
            yield connected
