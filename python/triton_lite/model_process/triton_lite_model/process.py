"""The life of a model's process: orders of the engine, the model's methods, the sockets."""

from __future__ import annotations

import getopt
import json
import os
import signal
import socket
import sys
from functools import partial
from typing import Any

from . import bridge, forks
from .context import serve_process
from .control import Control
from .errors import Refusal, TritonModelException, describe
from .instance import Instance
from .lane import Lane
from .model_config import ModelConfig
from .model_module import import_model
from .second_look import SecondLook


def run(arguments: list[str]) -> None:
    """Serve the sockets whose numbers the command line has, and leave the process."""
    _die_with_the_engine()
    options, _ = getopt.getopt(arguments, "", ["control=", "execute=", "calls="])
    numbers = {name[2:]: int(value) for name, value in options}
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(line_buffering=True)
    # Signals to the whole group of processes are the engine's to handle. Not SIG_IGN, which programs started by a model
    # would inherit.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: None)
    sockets = {name: socket.socket(fileno=number) for name, number in numbers.items()}
    for connection in sockets.values():
        connection.setblocking(True)
        connection.set_inheritable(False)
    control = Control(sockets["control"])
    bridge.set_control(control)
    control.start()
    status = _Process(control, sockets["execute"], sockets["calls"]).run()
    sys.stdout.flush()
    sys.exit(status)


def _die_with_the_engine() -> None:
    """Have the kernel end this process with the engine, for models that no thread of this process can end."""
    if sys.platform == "linux":
        import ctypes

        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


class _Process:
    """What the main thread does."""

    def __init__(self, control: Control, execute: socket.socket, calls: socket.socket) -> None:
        self._control = control
        self._execute = execute
        self._calls = calls
        self._model: Any = None
        self._instance: Instance | None = None

    def run(self) -> int:
        """Follow the orders until the last; return the exit status."""
        while True:
            order = self._control.orders.get()
            op = order["op"]
            if op == "auto_complete":
                return self._auto_complete(order)
            if op == "initialize":
                if not self._initialize(order):
                    return 1
                self._serve()
            elif op == "finalize":
                return self._finalize()

    def _auto_complete(self, order: dict[str, Any]) -> int:
        try:
            bridge.model_directory = order["version_directory"]
            config = order["config"]
            module = import_model(order["version_directory"], order["model_file"])
            completed: Any = ModelConfig(json.dumps(config))
            if hasattr(module.TritonPythonModel, "auto_complete_config"):
                completed = module.TritonPythonModel.auto_complete_config(completed)
            if not isinstance(completed, ModelConfig):
                raise Refusal(
                    f"auto_complete_config function in model '{config.get('name', '')}' must return a valid "
                    "pb.ModelConfig object."
                )
            self._control.ending = True
            self._control.send("auto_completed", config=completed.as_dict())
        except BaseException as error:
            self._control.ending = True
            self._control.send("failed", message=describe(error))
            return 1
        return 0

    def _initialize(self, order: dict[str, Any]) -> bool:
        arguments = order["args"]
        control = self._control
        control.log_verbose = int(order.get("log_verbose", 0))
        try:
            bridge.model_directory = order["version_directory"]
            module = import_model(order["version_directory"], order["model_file"])
            read_memory = bool(order["read_memory"])
            model = module.TritonPythonModel()
            self._model = model
            self._instance = instance = Instance(
                arguments["model_instance_name"],
                model,
                Lane(self._execute, read_memory=read_memory, second_look=SecondLook()),
                Lane(self._calls, read_memory=read_memory, second_look=SecondLook()),
                decoupled=bool(order["decoupled"]),
                log_error=lambda text: control.log("ERROR", text, __file__, sys._getframe().f_lineno),
                model_path=os.path.join(order["version_directory"], order["model_file"]),
            )
            serve_process(instance)
            forks.watch(instance)
            if hasattr(model, "initialize"):
                model.initialize(dict(arguments))
        except BaseException as error:
            control.ending = True
            control.send("failed", message=describe(error))
            return False
        has_is_ready = hasattr(model, "is_ready")
        if has_is_ready:
            control.on_is_ready = self._is_ready
        control.send("initialized", has_is_ready=has_is_ready, coroutine=_is_coroutine_function(model))
        return True

    def _serve(self) -> None:
        instance = self._instance
        assert instance is not None
        if not _is_coroutine_function(self._model):
            instance.serve()
            return
        import asyncio

        loop = asyncio.new_event_loop()
        asyncio.set_event_loop(loop)
        self._control.on_finalize = partial(loop.call_soon_threadsafe, loop.stop)
        instance.serve_coroutines(loop)
        if self._control.orders.empty():
            loop.run_forever()

    def _is_ready(self) -> bool:
        try:
            value = self._model.is_ready()
            if hasattr(value, "__await__"):
                assert self._instance is not None
                value = self._instance.run_coroutine(value)
            if not isinstance(value, bool):
                raise Refusal("is_ready() must return a boolean value")
        except BaseException as error:
            raise TritonModelException(describe(error)) from None
        return value

    def _finalize(self) -> int:
        error = None
        instance = self._instance
        if instance is not None:
            instance.infers = False
            instance.close()
        if hasattr(self._model, "finalize"):
            try:
                self._model.finalize()
            except BaseException as failure:
                error = describe(failure)
        self._model = None
        self._control.ending = True
        self._control.send("finalized", error=error)
        return 0


def _is_coroutine_function(model: Any) -> bool:
    """Return whether execute is an `async def`, without importing inspect for it."""
    function = getattr(getattr(model, "execute", None), "__func__", getattr(model, "execute", None))
    code = getattr(function, "__code__", None)
    return code is not None and bool(code.co_flags & _CO_COROUTINE)


_CO_COROUTINE = 0x80
_PR_SET_PDEATHSIG = 1
