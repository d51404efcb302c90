"""The thread that takes the engine's traces and makes spans of them."""

from __future__ import annotations

import logging
import threading
from typing import TYPE_CHECKING, Any

from triton_lite.errors import Code, TritonError

if TYPE_CHECKING:
    from triton_lite.engine.trace_config import TraceConfig

_log = logging.getLogger(__name__)

_WAIT_SECONDS = 1.0
_TRACER = "triton-server"


class SpanService:
    """Takes traces until the engine is stopped, then sends what is left. Off the data path: threads of Python."""

    def __init__(self, engine: Any, config: TraceConfig) -> None:
        """Raises TritonError(UNAVAILABLE) if the packages are not there."""
        try:
            from triton_lite.engine.telemetry.exporter import make_provider
            from triton_lite.engine.telemetry.ids import GivenIds
            from triton_lite.engine.telemetry.spans import make_spans
        except ImportError as error:
            raise TritonError(
                Code.UNAVAILABLE,
                "trace mode opentelemetry needs the OpenTelemetry SDK: pip install 'triton-lite[opentelemetry]' "
                f"({error})",
            ) from None
        self._engine = engine
        self._make_spans = make_spans
        self._ids = GivenIds()
        self._provider = make_provider(config, self._ids)
        self._thread = threading.Thread(target=self._run, name="trace-spans", daemon=True)
        self._thread.start()

    def join(self, timeout: float) -> None:
        """Wait until all was sent, once the engine is stopped, or until `timeout` seconds have passed."""
        self._thread.join(timeout)

    def _run(self) -> None:
        tracer = self._provider.get_tracer(_TRACER)
        dropped = 0
        while (records := self._engine.next_traces(_WAIT_SECONDS)) is not None:
            for record in records:
                try:
                    self._make_spans(tracer, record, self._ids)
                except Exception:
                    _log.exception("a trace could not be made into spans")
            if self._engine.dropped_traces > dropped:
                _log.warning("dropped %d traces: spans do not keep up", self._engine.dropped_traces - dropped)
                dropped = self._engine.dropped_traces
        self._provider.shutdown()
