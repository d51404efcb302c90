"""A model that a thread of the test serves."""

from __future__ import annotations

import socket
import sys
import threading
from typing import Any

from model_process.engine_lane import own_memory
from model_process.engine_side import Engine
from model_process.model_files import MODEL_PROCESS


class InThread:
    """A model served by a thread of this process: instance is the loop's, engine the other side."""

    def __init__(self, model: Any, *, decoupled: bool = False, read_memory: bool = True, name: str = "model_0") -> None:
        sys.path.append(str(MODEL_PROCESS))
        try:
            from triton_lite_model.instance import Instance
            from triton_lite_model.lane import Lane as ModelLane
        finally:
            sys.path.remove(str(MODEL_PROCESS))
        pairs = [socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET) for _ in range(2)]
        (execute, self._execute), (calls, self._calls) = pairs
        self.execute_lane = ModelLane(self._execute, read_memory=read_memory)
        self.calls_lane = ModelLane(self._calls, read_memory=read_memory)
        self.logged: list[str] = []
        self.instance = Instance(
            name,
            model,
            self.execute_lane,
            self.calls_lane,
            decoupled=decoupled,
            log_error=self.logged.append,
            model_path="/models/model/1/model.py",
        )
        self.engine = Engine(execute, calls, own_memory if read_memory else None)
        self.thread = threading.Thread(target=self.instance.serve, daemon=True)
        self.thread.start()

    def __enter__(self) -> InThread:
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        self.engine.end_execute()
        self.thread.join(20)
        assert not self.thread.is_alive()
        self.instance.close()
        self.engine.close()
        self._execute.close()
        self._calls.close()
        if kind is None:
            self.engine.check()
