"""The control plane: gives the data plane its models and answers every call that is no inference."""

from __future__ import annotations

import dataclasses
import logging
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from triton_lite.engine.devices import find_gpus
from triton_lite.engine.handlers import Context, Handler, handler_of
from triton_lite.engine.journal import Journal
from triton_lite.engine.lifecycle import Lifecycle
from triton_lite.engine.loader import Loader
from triton_lite.engine.model_processes.calls import ModelCalls
from triton_lite.engine.model_processes.service import ModelProcesses
from triton_lite.engine.options import EngineOptions
from triton_lite.engine.progress import Progress
from triton_lite.engine.response_cache import REDIS
from triton_lite.engine.restoration import restore_settings
from triton_lite.engine.status import as_text, status
from triton_lite.errors import Code, TritonError
from triton_lite.metrics.engine_text import EngineMetrics

_log = logging.getLogger(__name__)

_SLOW_CALLS = 16
# A load that takes longer is left to end with the process.
_STOP_SECONDS = 5


class ControlPlane:
    """Runs beside one `_native.Engine`, in its process.

    Making one connects to the cache of the options, if that is a Redis; raises TritonError where it does not answer.
    journal: of what is to outlive the engine's process; what an engine before it left is taken over.
    `load_models` and `answer_calls` block; `start` runs both on threads of their own. `stop` ends them.
    runtime_folder: where Python environments are unpacked, the folder for temporary files where it is empty.
    """

    def __init__(
        self,
        engine: Any,
        options: EngineOptions,
        native: Any = None,
        journal: Journal | None = None,
        supervised: bool = False,
        runtime_folder: str = "",
    ) -> None:
        if native is None:
            from triton_lite import _native

            native = _native
        self._engine = engine
        self._redis = None
        if REDIS in options.cache_config:
            from triton_lite.engine.redis_cache import RedisCache

            self._redis = RedisCache(engine, options.cache_config[REDIS])
        self._spans = None
        if options.trace.exports_spans:
            from triton_lite.engine.telemetry import SpanService

            self._spans = SpanService(engine, options.trace)
        self.progress = Progress()
        journal = journal or Journal()
        self._record = journal.take_over()
        if self._record is not None:
            restore_settings(engine, journal, self._record)
            # The server was up: what cannot be loaded now is no reason to end it.
            options = dataclasses.replace(options, exit_on_error=False)
        calls = ModelCalls()
        self._processes = ModelProcesses(native, calls, runtime_folder)
        loader = Loader(native, engine, options, find_gpus(), self._processes)
        self.lifecycle = Lifecycle(loader, engine, options, journal)
        self.lifecycle.await_initial(self._record)
        calls.serve(self.lifecycle)
        self.metrics = EngineMetrics(engine, options, self._processes.metrics_text)
        self._context = Context(
            engine, options, self.lifecycle, self.progress, self.metrics, self._processes, journal, supervised
        )
        self._slow = ThreadPoolExecutor(_SLOW_CALLS, thread_name_prefix="control-call")
        self._apart = ThreadPoolExecutor(1, thread_name_prefix="admin-call")
        self._threads: list[threading.Thread] = []
        self._stopping = threading.Event()

    def start(self) -> None:
        """Load the models of the start and answer calls, in the background."""
        self._run("model-load", self.load_models)
        self.start_answering()

    def start_answering(self) -> None:
        """Answer calls, and follow the repositories in mode poll, in the background.

        For those who load the models of the start themselves.
        """
        self._run("control-calls", self.answer_calls)
        options = self._context.options
        if options.model_control_mode == "poll" and options.repository_poll_secs > 0:
            self._run("model-poll", self._poll)

    def _run(self, name: str, target: Callable[[], object]) -> None:
        thread = threading.Thread(target=target, name=name, daemon=True)
        thread.start()
        self._threads.append(thread)

    def end_models(self) -> None:
        """Fail what is in models that processes or threads run: it takes too long."""
        _log.error("models still have requests: these fail")
        self._processes.kill()

    def stop(self) -> None:
        """Stop loading and answering. The engine has to be stopped before, or `start` never called."""
        self._stopping.set()
        self.metrics.stop()
        self._slow.shutdown(wait=False, cancel_futures=True)
        self._apart.shutdown(wait=False, cancel_futures=True)
        if self._redis is not None:
            self._run("redis-close", self._redis.stop)
        self._run("model-close", self.lifecycle.close)
        self._processes.close(self._context.options.exit_timeout_secs)
        for thread in self._threads:
            thread.join(timeout=_STOP_SECONDS)
        if self._spans is not None:
            self._spans.join(_STOP_SECONDS)

    def log_status(self) -> None:
        """Write into the log what the server does right now."""
        try:
            _log.info("", extra={"block": as_text(status(self._context))})
        except Exception:
            _log.exception("the status could not be told")

    def load_models(self) -> str:
        """Load the models of the start. Returns why that was not complete; empty when all are served."""
        problem = ""
        initialized = False
        try:
            if self.lifecycle.load_initial(self._record):
                problem = "failed to load all models"
            initialized = True
        except TritonError as error:
            problem = error.text
        except Exception as error:
            _log.exception("loading models ended unexpectedly")
            problem = f"internal error while loading models: {error}"
        if problem:
            _log.error("%s", problem)
        self.progress.finish(problem, initialized=initialized)
        return problem

    def _poll(self) -> None:
        self.progress.wait()
        while not self._stopping.wait(self._context.options.repository_poll_secs):
            try:
                self.lifecycle.poll()
            except Exception:
                _log.exception("polling the model repository ended unexpectedly")

    def answer_calls(self) -> None:
        """Answer control calls until the engine is stopped."""
        while True:
            call = self._engine.next_control_call()
            if call is None:
                return
            self._dispatch(call)

    def _dispatch(self, call: Any) -> None:
        try:
            handler = handler_of(call.method)
        except TritonError as error:
            call.fail(int(error.code), error.text)
            return
        if handler.slow or handler.apart:
            (self._slow if handler.slow else self._apart).submit(self._answer, handler, call)
        else:
            self._answer(handler, call)

    def _answer(self, handler: Handler, call: Any) -> None:
        try:
            if handler.begin is not None:
                handler.begin(self._context, call.message, call.reply)
            else:
                call.reply(handler.run(self._context, call.message))
        except TritonError as error:
            call.fail(int(error.code), error.text)
        except Exception as error:
            # One bad call must not end the thread that answers all others.
            _log.exception("control call %d ended unexpectedly", call.method)
            call.fail(int(Code.INTERNAL), f"internal error: {error}")
