"""A model's process, with the engine's side of its three sockets."""

from __future__ import annotations

import contextlib
import json
import queue
import socket
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from model_process.engine_lane import memory_of
from model_process.engine_side import Engine
from model_process.model_files import MODEL_PROCESS


class ModelProcess:
    """A model's process, started as the engine does."""

    def __init__(
        self,
        folder: Path,
        *,
        python: str = sys.executable,
        name: str = "model",
        config: dict[str, Any] | None = None,
        decoupled: bool = False,
        read_memory: bool = True,
        model_file: str = "model.py",
        environment: dict[str, str] | None = None,
        initialize: bool = True,
        log_verbose: int = 0,
    ) -> None:
        pairs = {
            "control": socket.socketpair(),
            "execute": socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET),
            "calls": socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET),
        }
        arguments = [python, str(MODEL_PROCESS / "__main__.py")]
        for option, (_, theirs) in pairs.items():
            arguments += [f"--{option}", str(theirs.fileno())]
        self.process = subprocess.Popen(
            arguments,
            pass_fds=[theirs.fileno() for _, theirs in pairs.values()],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env=environment,
        )
        for _, theirs in pairs.values():
            theirs.close()
        self.control = pairs["control"][0]
        self._lines = self.control.makefile("rb")
        self.logs: list[dict[str, Any]] = []
        self._logged: queue.Queue[dict[str, Any]] = queue.Queue()
        self.calls: list[dict[str, Any]] = []
        self.answer: Callable[[dict[str, Any]], tuple[Any, str | None]] = lambda _: (None, None)
        self.folder = folder
        self._number = 0
        read = memory_of(self.process.pid) if read_memory else None
        self.engine = Engine(pairs["execute"][0], pairs["calls"][0], read)
        self._orders: queue.Queue[dict[str, Any] | None] = queue.Queue()
        self._reader = threading.Thread(target=self._read_control, daemon=True)
        self._reader.start()
        self.initialized: dict[str, Any] = {}
        if initialize:
            self.initialized = self.initialize(name, config, decoupled, read_memory, model_file, log_verbose)

    def initialize(
        self,
        name: str = "model",
        config: dict[str, Any] | None = None,
        decoupled: bool = False,
        read_memory: bool = True,
        model_file: str = "model.py",
        log_verbose: int = 0,
    ) -> dict[str, Any]:
        self.order(
            op="initialize",
            args={
                "model_config": json.dumps(config or {"name": name}),
                "model_instance_kind": "CPU",
                "model_instance_name": f"{name}_0",
                "model_instance_device_id": "0",
                "model_repository": str(self.folder),
                "model_version": "1",
                "model_name": name,
            },
            version_directory=str(self.folder / "1"),
            model_file=model_file,
            decoupled=decoupled,
            read_memory=read_memory,
            log_verbose=log_verbose,
        )
        return self.next()

    def auto_complete(self, config: dict[str, Any], model_file: str = "model.py") -> dict[str, Any]:
        self.order(
            op="auto_complete",
            model_directory=str(self.folder),
            version_directory=str(self.folder / "1"),
            model_file=model_file,
            config=config,
        )
        return self.next()

    def order(self, **order: Any) -> None:
        self.control.sendall(json.dumps(order).encode() + b"\n")

    def next(self, timeout: float = 30) -> dict[str, Any]:
        """Return the next object that is neither a log nor a call."""
        order = self._orders.get(timeout=timeout)
        assert order is not None, f"the process has ended: {self.process.communicate()[0]}"
        return order

    def next_log(self) -> dict[str, Any]:
        """Return the next line for the log, which comes on its own way."""
        return self._logged.get(timeout=20)

    def is_ready(self) -> dict[str, Any]:
        self._number += 1
        self.order(op="is_ready", id=self._number)
        answer = self.next()
        assert answer["op"] == "answer" and answer["id"] == self._number
        return answer

    def finalize(self) -> dict[str, Any]:
        """Let the model end; the process must do so too."""
        self.engine.end_execute()
        self.order(op="finalize")
        answer = self.next()
        assert answer["op"] == "finalized"
        assert self.process.wait(20) == 0
        return answer

    def wait(self) -> int:
        return self.process.wait(20)

    def output(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.read()

    def __enter__(self) -> ModelProcess:
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        self.engine.close()
        self.control.shutdown(socket.SHUT_RDWR)
        self._reader.join(10)
        self._lines.close()
        self.control.close()
        assert self.process.stdout is not None
        self.process.stdout.close()
        if kind is None:
            self.engine.check()

    def _read_control(self) -> None:
        with contextlib.suppress(ConnectionResetError):  # A process that left answers unread.
            for line in self._lines:
                self._handle(json.loads(line))
        self._orders.put(None)

    def _handle(self, order: dict[str, Any]) -> None:
        if order["op"] == "log":
            self.logs.append(order)
            self._logged.put(order)
        elif order["op"] == "call":
            self.calls.append(order)
            value, error = self.answer(order)
            with contextlib.suppress(BrokenPipeError):  # What is dropped at the end waits for no answer.
                self.order(op="answer", id=order["id"], value=value, error=error)
        else:
            self._orders.put(order)
