"""gunicorn and `triton-lite-grpc` started by hand: one engine for both, and again one when it was killed."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import grpc
import pytest
from living_server import WAIT_SECONDS, ask, gone, kill, leftovers, slow_request, until, write_slow
from server_process import environment, free_ports, started

from triton_lite.proto import METHODS

INFER = "/inference.GRPCInferenceService/ModelInfer"


def engines(runtime: Path) -> list[int]:
    """The engines whose socket is in a folder."""
    found = []
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                command = (folder / "cmdline").read_bytes().decode()
            except OSError:
                continue
            if "triton_lite.engine" in command and str(runtime) in command and not gone(int(folder.name)):
                found.append(int(folder.name))
    return found


@pytest.mark.parametrize("worker", ["asgi", "gthread"])
def test_both_share_one_engine_and_bring_it_back_as_it_was(tmp_path: Path, worker: str) -> None:
    repository, runtime, temporary = tmp_path / "models", tmp_path / "run", tmp_path / "tmp"
    temporary.mkdir()
    for name in ("first", "later"):
        write_slow(repository, name, 0)
    env = environment(
        TRITON_LITE_MODEL_REPOSITORY=str(repository),
        TRITON_LITE_RUNTIME_DIR=str(runtime),
        TRITON_LITE_MODEL_CONTROL_MODE="explicit",
        TRITON_LITE_LOAD_MODEL="first",
        TMPDIR=str(temporary),
    )
    ports = free_ports(2)
    gunicorn = [str(Path(sys.executable).with_name("gunicorn")), "-k", worker, "-w", "3", f"-b127.0.0.1:{ports[0]}"]
    if worker == "gthread":
        gunicorn.append("--threads=4")
    command = [sys.executable, "-m", "triton_lite.frontends.grpc.main", f"--grpc-port={ports[1]}"]
    second = subprocess.Popen(command, env=env)
    try:
        with started([*gunicorn, "triton_lite.frontends.http:app"], env, [*ports, 0]) as server:
            until(lambda: ask(server.http, "/v2/models/first/ready")[0] == 200, "no model")
            assert len(engines(runtime)) == 1
            assert ask(server.http, "/v2/repository/models/later/load", {})[0] == 200
            assert infer(ports[1], "later") == b"\7"
            for _ in range(2):
                (engine,) = engines(runtime)
                kill(engine)
                until(lambda: ask(server.http, "/v2/models/later/infer", slow_request())[0] == 200, "it stays away")
                assert infer(ports[1], "later") == b"\7"
                assert len(set(engines(runtime)) - {engine}) == 1
        second.send_signal(signal.SIGTERM)
        assert second.wait(WAIT_SECONDS) == 0
    finally:
        second.kill()
        second.wait()
    until(lambda: not engines(runtime), "the engine stays")
    assert leftovers(runtime, temporary) == []


def infer(port: int, model: str) -> bytes:
    """One request over gRPC."""
    request = METHODS["ModelInfer"].request(model_name=model, raw_input_contents=[b"\7"])
    request.inputs.add(name="INPUT0", datatype="UINT8", shape=[1])
    with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        call = channel.unary_unary(INFER)
        answer = call(request.SerializeToString(), wait_for_ready=True, timeout=WAIT_SECONDS)
        content: bytes = METHODS["ModelInfer"].response.FromString(answer).raw_output_contents[0]
        return content
