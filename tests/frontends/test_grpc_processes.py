"""frontends/grpc/main.py and processes.py: the command, in one process and in several."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import grpc
import pytest

from triton_lite.frontends.grpc.processes import reserve
from triton_lite.frontends.ready import VARIABLE


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


class Command:
    """`triton-lite-grpc` without an engine (its socket is one that nobody serves)."""

    def __init__(self, folder: Path, *arguments: str) -> None:
        self.port = free_port()
        listen, told = os.pipe()
        self._listen = listen
        self.process = subprocess.Popen(
            [
                sys.executable,
                "-m",
                "triton_lite.frontends.grpc.main",
                "--grpc-address=127.0.0.1",
                f"--grpc-port={self.port}",
                *arguments,
            ],
            env={
                **os.environ,
                VARIABLE: str(told),
                "TRITON_LITE_SUPERVISED": "1",
                "TRITON_LITE_ENGINE": str(folder / "nobody.sock"),
            },
            pass_fds=(told,),
            stderr=subprocess.PIPE,
            text=True,
        )
        os.close(told)

    def __enter__(self) -> Command:
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.communicate()
        os.close(self._listen)

    def ready(self) -> str:
        """What it says when it serves; "" if it ended first."""
        return os.read(self._listen, 100).decode()

    def end(self, number: signal.Signals) -> tuple[int, str]:
        self.process.send_signal(number)
        errors = self.process.communicate(timeout=60)[1]
        return self.process.returncode, errors


def status_of_a_call(port: int) -> grpc.StatusCode:
    with grpc.insecure_channel(f"127.0.0.1:{port}", options=(("grpc.use_local_subchannel_pool", 1),)) as channel:
        try:
            channel.unary_unary("/inference.GRPCInferenceService/ServerLive")(b"", timeout=30)
        except grpc.RpcError as error:
            return error.code()
    raise AssertionError("somebody answered")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_one_process(tmp_path: Path, number: signal.Signals) -> None:
    with Command(tmp_path) as command:
        assert command.ready() == f"ready {command.port}\n"
        assert status_of_a_call(command.port) == grpc.StatusCode.UNAVAILABLE
        status, errors = command.end(number)
        assert status == 0
        assert f"Started GRPCInferenceService at 127.0.0.1:{command.port}" in errors


def test_several_processes_share_the_port(tmp_path: Path) -> None:
    with Command(tmp_path, "--grpc-processes=2") as command:
        assert command.ready() == f"ready {command.port}\n"
        assert status_of_a_call(command.port) == grpc.StatusCode.UNAVAILABLE
        with pytest.raises(OSError, match="already in use"):
            reserve("127.0.0.1", command.port)
        status, errors = command.end(signal.SIGTERM)
        assert status == 0
        assert errors.count("Started GRPCInferenceService") == 2


def test_a_taken_port_is_refused(tmp_path: Path) -> None:
    with Command(tmp_path) as first, socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        first.ready()
        for port in (first.port, taken.getsockname()[1]):
            for more in ((), ("--grpc-processes=2",)):
                with Command(tmp_path, f"--grpc-port={port}", *more) as second:
                    assert second.ready() == ""
                    _, errors = second.process.communicate(timeout=60)
                    assert second.process.returncode == 1
                    assert f"Socket '127.0.0.1:{port}' already in use" in errors


def test_options_that_are_none_are_refused(tmp_path: Path) -> None:
    with Command(tmp_path, "--grpc-prt=1") as command:
        _, errors = command.process.communicate(timeout=60)
        assert command.process.returncode == 1 and "--grpc-port" in errors
    with Command(tmp_path, "surplus") as command:
        _, errors = command.process.communicate(timeout=60)
        assert command.process.returncode == 1 and "surplus" in errors
