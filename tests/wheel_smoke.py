"""Uses an installed triton_lite: in process, and through `triton-lite serve` with the models that it ships."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from pathlib import Path

import numpy as np

import triton_lite


def in_process() -> None:
    """A sum without ports."""
    models = Path(triton_lite.__file__).parent / "examples_models"
    one = np.ones((1, 16), np.int32)
    with triton_lite.Server(model_repository=str(models)) as server:
        answer = server.model("simple").infer(inputs={"INPUT0": one, "INPUT1": one})
        assert np.array_equal(np.asarray(answer.outputs["OUTPUT0"]), one + one)


def free_ports() -> list[int]:
    """Three free ports."""
    sockets = [socket.socket() for _ in range(3)]
    for sock in sockets:
        sock.bind(("127.0.0.1", 0))
    ports = [sock.getsockname()[1] for sock in sockets]
    for sock in sockets:
        sock.close()
    return ports


def over_http() -> None:
    """The same over HTTP."""
    ports = free_ports()
    names = ("http", "grpc", "metrics")
    command = [str(Path(sys.executable).parent / "triton-lite"), "serve"]
    command += [f"--{name}-port={port}" for name, port in zip(names, ports, strict=True)]
    url = f"http://127.0.0.1:{ports[0]}/v2"
    server = subprocess.Popen(command)
    try:
        pause, deadline = threading.Event(), time.monotonic() + 60
        while True:
            try:
                urllib.request.urlopen(f"{url}/health/ready", timeout=5).close()
                break
            except (urllib.error.URLError, OSError):
                assert server.poll() is None, "the server ended"
                assert time.monotonic() < deadline, "the server was not ready in 60 s"
                pause.wait(0.05)
        row = {"datatype": "INT32", "shape": [1, 16], "data": [1] * 16}
        body = json.dumps({"inputs": [{"name": name, **row} for name in ("INPUT0", "INPUT1")]}).encode()
        with urllib.request.urlopen(f"{url}/models/simple/infer", body, timeout=20) as answer:
            assert json.load(answer)["outputs"][0]["data"] == [2] * 16
    finally:
        server.send_signal(signal.SIGTERM)
        assert server.wait(40) == 0


if __name__ == "__main__":
    in_process()
    over_http()
    print(f"1 passed, 0 failed  # wheel on Python {sys.version.split()[0]}")
