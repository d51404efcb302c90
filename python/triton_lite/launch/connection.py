"""Connecting to an engine, and starting it when there is none: of many that try at once, one starts it."""

from __future__ import annotations

import logging
import os
import select
import subprocess
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

from triton_lite import logs
from triton_lite.engine.report import Report
from triton_lite.errors import Code, TritonError
from triton_lite.launch.engine_process import start_engine
from triton_lite.launch.file_lock import FileLock
from triton_lite.launch.place import Place, place_of
from triton_lite.options import OptionError, Settings

if TYPE_CHECKING:
    from triton_lite._native import ChannelClient

_log = logging.getLogger(__name__)

START_SECONDS = 60.0
SUPERVISED = "TRITON_LITE_SUPERVISED"
Client = TypeVar("Client")
Dial = Callable[[], Client | None]
Start = Callable[[], tuple["subprocess.Popen[bytes]", int]]


def connect_to_engine(name: str, settings: Settings, stream_window: int = 64) -> ChannelClient:
    """Connect, starting an engine if need be. Raises TritonError(UNAVAILABLE). See `launch.connect`.

    stream_window: see `_native.ChannelClient`.
    """
    from triton_lite._native import ChannelClient

    try:
        place = place_of(settings)
    except OptionError as error:
        raise TritonError(Code.UNAVAILABLE, str(error)) from None

    def dial() -> ChannelClient | None:
        try:
            return ChannelClient(str(place.socket), name, stream_window=stream_window)
        except TritonError as error:
            if error.code is not Code.UNAVAILABLE:
                raise
            return None

    if SUPERVISED in os.environ:
        # The supervisor starts its engine; until it listens, requests are told so rather than held back.
        client = dial()
        if client is None:
            raise TritonError(Code.UNAVAILABLE, "the inference engine is not there yet")
        logs.follow(place.socket, settings)
        return client

    def start() -> tuple[subprocess.Popen[bytes], int]:
        logs.follow(place.socket, settings)
        for warning in settings.warnings:
            _log.warning(warning)
        return start_engine(place, settings, supervised=False)

    client = find_or_start(place, dial, start)
    logs.follow(place.socket, settings)
    return client


def find_or_start(place: Place, dial: Dial[Client], start: Start) -> Client:
    """Return what `dial` connects to, having started an engine if nobody listens at `place`.

    dial: a connection, or None if nobody listens. start: starts an engine there.
    Raises TritonError(UNAVAILABLE) if the engine does not come up.
    """
    client = dial()
    if client is not None:
        return client
    deadline = time.monotonic() + START_SECONDS
    with FileLock(place.lock) as lock:
        try:
            if not lock.acquire(START_SECONDS):
                raise TritonError(Code.UNAVAILABLE, f"another process holds {place.lock}: no engine could be started")
        except OSError as error:
            raise TritonError(Code.UNAVAILABLE, f"the runtime folder cannot be used: {error}") from None
        client = dial()  # Whoever had the lock before may have started it.
        if client is not None:
            return client
        # Nobody answers, and nobody else may start one: what lies there belongs to a dead engine.
        place.socket.unlink(missing_ok=True)
        process, pipe = start()
        _reap_in_background(process)
        try:
            _wait_until_listening(process, pipe, deadline)
        finally:
            os.close(pipe)
        client = dial()
    if client is None:
        raise TritonError(Code.UNAVAILABLE, "the inference engine ended right after its start; see the log")
    return client


def _wait_until_listening(process: subprocess.Popen[bytes], pipe: int, deadline: float) -> None:
    report = Report()
    while not report.listening:
        readable, _, _ = select.select([pipe], [], [], max(0.0, deadline - time.monotonic()))
        if not readable:
            process.kill()
            raise TritonError(Code.UNAVAILABLE, f"the inference engine did not listen within {START_SECONDS:.0f} s")
        data = os.read(pipe, 65536)
        if not data:
            raise TritonError(Code.UNAVAILABLE, "the inference engine did not start; its log says why")
        try:
            report.feed(data)
        except ValueError as error:
            raise TritonError(Code.UNAVAILABLE, f"the inference engine did not start: {error}") from None


def _reap_in_background(process: subprocess.Popen[bytes]) -> None:
    """The engine outlives this call, maybe this process: somebody must wait for it, or it stays as a zombie."""
    threading.Thread(target=process.wait, name="engine-reaper", daemon=True).start()
