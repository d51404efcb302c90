"""Ports for the engine of a program: front ends in processes of their own, which talk to it over a private socket."""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

from triton_lite.errors import Code, TritonError
from triton_lite.options import OptionError, Settings, find, load

START_SECONDS = 60.0
# What front ends may take beyond the time of their requests.
_STOP_GRACE_SECONDS = 10.0
_SERVICES = ("http", "grpc", "metrics")


class Serving:
    """The front ends of a server, while they run: made by `Server.serve`; a context manager that closes them."""

    def __init__(self, settings: Settings, socket: Path) -> None:
        self._seconds: float = settings["exit-timeout-secs"] + _STOP_GRACE_SECONDS
        self._lock = threading.Lock()
        self._closed = False
        self._process, report = _start(settings, socket)
        try:
            self._ports = _wait_until_ready(self._process, report)
        except BaseException:
            self._process.kill()
            self._process.wait()
            raise
        finally:
            os.close(report)

    @property
    def http_port(self) -> int | None:
        """The port of HTTP; None where it is not served."""
        return self._ports.get("http")

    @property
    def grpc_port(self) -> int | None:
        """The port of gRPC; None where it is not served."""
        return self._ports.get("grpc")

    @property
    def metrics_port(self) -> int | None:
        """The port of the metrics; None where they are not served."""
        return self._ports.get("metrics")

    @property
    def running(self) -> bool:
        """Whether the front ends run."""
        return self._process.poll() is None

    def wait(self) -> None:
        """Wait until it is closed, in whatever thread. Raises TritonError(UNAVAILABLE) if the front ends broke."""
        code = self._process.wait()
        if code != 0 and not self._closed:
            raise TritonError(Code.UNAVAILABLE, f"the front ends ended unexpectedly (exit code {code}); see the log")

    def close(self) -> None:
        """Take no new requests, answer those in flight, give the ports back. Idempotent."""
        with self._lock:
            self._closed = True
            if self._process.poll() is None:
                self._process.terminate()
            try:
                self._process.wait(self._seconds)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()

    def __enter__(self) -> Serving:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def serving_settings(
    ports: Mapping[str, int | None], address: str | None, options: Mapping[str, Any], defaults: Mapping[str, Any]
) -> Settings:
    """Make the front ends' settings: ports by name of the service, and options by name with underscores.

    What is not given comes from the environment, as for `triton-lite serve`; defaults: what the engine was given.
    Raises TritonError(INVALID_ARGUMENT).
    """
    given = dict(defaults) | dict(options)
    for service, port in ports.items():
        if port is not None:
            given[f"{service}_port"] = port
        if address is not None:
            given.setdefault(f"{service}_address", address)
    arguments = []
    for name, value in given.items():
        if find(name.replace("_", "-")) is None:
            raise TritonError(Code.INVALID_ARGUMENT, f"serve() has no option '{name}'")
        arguments += _arguments(name.replace("_", "-"), value)
    try:
        settings, _ = load(arguments)
    except OptionError as error:
        raise TritonError(Code.INVALID_ARGUMENT, str(error)) from None
    return settings


def _arguments(name: str, value: Any) -> list[str]:
    if isinstance(value, bool):
        return [f"--{name}={str(value).lower()}"]
    if isinstance(value, list | tuple):
        return [f"--{name}={each}" for each in value]
    return [f"--{name}={value}"]


@contextmanager
def ended_by_signals() -> Iterator[None]:
    """End the block, without an exception, when SIGINT or SIGTERM comes; only the main thread gets them."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def end(number: int, frame: FrameType | None) -> None:
        raise _EndError

    before = {number: signal.signal(number, end) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    except _EndError:
        pass
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


class _EndError(BaseException):
    """A signal asked for the end."""


def _start(settings: Settings, socket: Path) -> tuple[subprocess.Popen[bytes], int]:
    report, their_end = os.pipe2(os.O_CLOEXEC)
    try:
        process = subprocess.Popen(
            [sys.executable, "-m", "triton_lite.cli.front_ends", str(os.getpid()), str(their_end)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            pass_fds=(their_end,),
            env=settings.replaced(engine=str(socket)).environment(os.environ),
            start_new_session=True,  # An interrupt from the terminal is the program's.
        )
    except BaseException:
        os.close(report)
        raise
    finally:
        os.close(their_end)
    return process, report


def _wait_until_ready(process: subprocess.Popen[bytes], report: int) -> dict[str, int]:
    deadline = time.monotonic() + START_SECONDS
    text = b""
    while not text.endswith(b"\n"):
        if not select.select([report], [], [], max(0.0, deadline - time.monotonic()))[0]:
            raise TritonError(Code.UNAVAILABLE, f"the front ends did not serve within {START_SECONDS:.0f} s")
        part = os.read(report, 65536)
        if not part:
            raise TritonError(Code.UNAVAILABLE, "the front ends did not start; the log says why")
        text += part
    told = json.loads(text)
    if "error" in told:
        raise TritonError(Code.UNAVAILABLE, told["error"])
    return {name: int(told[name]) for name in _SERVICES if name in told}
