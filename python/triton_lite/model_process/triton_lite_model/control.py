"""The control connection: one JSON object a line, both ways."""

from __future__ import annotations

import json
import os
import queue
import socket
import threading
from functools import partial
from typing import Any, Callable

from .deferred import later
from .errors import TritonModelException

_ANSWER = "answer"


class Control:
    """Sends logs and calls, and hands the engine's orders to the main thread."""

    def __init__(self, connection: socket.socket) -> None:
        self.orders: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()
        self.log_verbose = 0
        self.ending = False
        """Whether the process is about to leave by itself."""
        self.on_finalize: Callable[[], object] | None = None
        """Called when the order to finalize has come, by the thread that reads."""
        self.on_is_ready: Callable[[], bool] = lambda: True
        self._connection = connection
        self._sending = threading.RLock()  # A collection may drop a metric amid a send.
        self._waiting: dict[int, queue.SimpleQueue[dict[str, Any]]] = {}
        self._number = 0

    def start(self) -> None:
        """Read from now on, in a thread of its own."""
        threading.Thread(target=self._read, name="control", daemon=True).start()

    def send(self, op: str, **fields: Any) -> None:
        """Send one object."""
        line = json.dumps({"op": op, **fields}).encode("ascii") + b"\n"
        with self._sending:
            self._connection.sendall(line)

    def call(self, method: str, **fields: Any) -> Any:
        """Ask the engine and wait; an error comes as an exception."""
        answer: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()
        with self._sending:
            self._number += 1
            number = self._number
            self._waiting[number] = answer
            self.send("call", id=number, method=method, **fields)
        result = answer.get()
        if result.get("error") is not None:
            raise TritonModelException(result["error"])
        return result.get("value")

    def tell(self, method: str, **fields: Any) -> None:
        """Ask the engine and do not wait: nothing can be done about an error. For the end of objects."""
        if self._sending.acquire(blocking=False):
            try:
                self._tell(method, fields)
            finally:
                self._sending.release()
        else:
            later(partial(self._tell, method, fields))

    def _tell(self, method: str, fields: dict[str, Any]) -> None:
        with self._sending:
            self._number += 1
            try:
                self.send("call", id=self._number, method=method, **fields)
            except OSError:
                return  # The engine is gone.

    def log(self, level: str, message: str, file: str, line: int) -> None:
        """Send a line for the server's log."""
        if level != "VERBOSE" or self.log_verbose > 0:
            try:
                self.send("log", level=level, message=message, file=file, line=line)
            except OSError:
                return

    def _read(self) -> None:
        with self._connection.makefile("rb") as lines:
            try:
                for line in lines:
                    self._handle(json.loads(line))
            except OSError:
                pass
        if not self.ending:
            os._exit(1)  # The engine is gone; nobody is there to answer to.

    def _handle(self, order: dict[str, Any]) -> None:
        op = order.get("op")
        if op == _ANSWER:
            waiting = self._waiting.pop(order["id"], None)
            if waiting is not None:
                waiting.put(order)
        elif op == "log_verbose":
            self.log_verbose = int(order["level"])
        elif op == "is_ready":
            # In a thread of its own: it may ask the engine something itself.
            threading.Thread(target=self._answer_is_ready, args=(order["id"],), daemon=True).start()
        else:
            self.orders.put(order)
            if op == "finalize" and self.on_finalize is not None:
                self.on_finalize()

    def _answer_is_ready(self, number: int) -> None:
        value, error = False, None
        try:
            value = self.on_is_ready()
        except TritonModelException as refusal:
            error = str(refusal)
        try:
            self.send(_ANSWER, id=number, value=value, error=error)
        except OSError:
            return
