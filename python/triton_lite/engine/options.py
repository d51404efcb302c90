"""What an engine is told when it starts. The same names as the options of `triton-lite serve`."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

from triton_lite.engine.response_cache import REDIS, check_cache_config, local_cache_byte_size
from triton_lite.engine.trace_config import TraceConfig, trace_config
from triton_lite.metrics.settings import metrics_settings

if TYPE_CHECKING:
    from triton_lite._native import Engine

CONTROL_MODES = ("none", "poll", "explicit")
RATE_LIMIT_MODES = ("off", "execution_count")


@dataclass(frozen=True)
class EngineOptions:
    """Options of an engine.

    model_repository: folders or ONNX files. model_control_mode: one of CONTROL_MODES; load_model names what
    `explicit` loads at start (`*` alone: everything). backend_config: backend -> setting -> value, "" for all
    backends. backend_directory: the folder of backends that are written in Python. cache_config: cache -> setting ->
    value, of at most one cache. rate_limit: one of RATE_LIMIT_MODES; rate_limit_resource: name, count, and device or
    None. trace_config: mode ("" for both), setting, value.
    allow_client_shm: clients may register regions.
    metrics_config: pairs of setting and value (metrics/settings.py).
    exit_on_error is carried out by whoever started the engine; one that is about to end is never ready.
    answer_budget_byte_size: memory for the answers to one peer. max_inflight_…: of what requests are refused beyond
    that; 0 for no limit. access_log: its file, "-" for the log, "" for none.
    """

    model_repository: list[str] = field(default_factory=list)
    model_control_mode: str = "none"
    load_model: list[str] = field(default_factory=list)
    repository_poll_secs: int = 15
    model_namespacing: bool = False
    id: str = "triton"
    exit_on_error: bool = True
    strict_readiness: bool = True
    disable_auto_complete_config: bool = False
    model_load_thread_count: int = 4
    model_load_retry_count: int = 0
    model_config_name: str = ""
    backend_config: dict[str, dict[str, str]] = field(default_factory=dict)
    backend_directory: str = "/opt/tritonserver/backends"
    allow_client_shm: bool = True
    cache_config: dict[str, dict[str, str]] = field(default_factory=dict)
    rate_limit: str = "off"
    rate_limit_resource: list[tuple[str, int, int | None]] = field(default_factory=list)
    allow_metrics: bool = True
    allow_cpu_metrics: bool = True
    allow_gpu_metrics: bool = True
    metrics_interval_ms: int = 2000
    metrics_config: list[tuple[str, str]] = field(default_factory=list)
    pinned_memory_pool_byte_size: int = 256 << 20
    trace_config: list[tuple[str, str, str]] = field(default_factory=list)
    exit_timeout_secs: int = 30
    answer_budget_byte_size: int = 4 << 30
    max_inflight_requests: int = 0
    max_inflight_requests_per_model: int = 0
    max_inflight_byte_size: int = 0
    log_verbose: int = 0
    log_info: bool = True
    log_warning: bool = True
    log_error: bool = True
    log_format: str = "default"
    log_file: str = ""
    access_log: str = ""

    def to_json(self) -> str:
        """Encode for another process; keys are sorted, so that equal options give equal texts."""
        return json.dumps(dataclasses.asdict(self), sort_keys=True)

    @classmethod
    def from_json(cls, text: str) -> EngineOptions:
        """Decode what `to_json` gave. Raises ValueError for anything else."""
        values: Any = json.loads(text)
        if not isinstance(values, dict):
            raise ValueError("engine options: expected a JSON object")
        known = {option.name: option for option in dataclasses.fields(cls)}
        for name, value in values.items():
            if name not in known:
                raise ValueError(f"engine options: unknown option '{name}'")
            default = getattr(cls(), name)
            if type(value) is not type(default):
                expected = type(default).__name__
                raise ValueError(f"engine options: '{name}' has to be of type {expected}, got {value!r}")
        options = cls(**values)
        if options.model_control_mode not in CONTROL_MODES:
            raise ValueError(f"engine options: model_control_mode is one of {', '.join(CONTROL_MODES)}")
        if options.rate_limit not in RATE_LIMIT_MODES:
            raise ValueError(f"engine options: rate_limit is one of {', '.join(RATE_LIMIT_MODES)}")
        return options

    @cached_property
    def trace(self) -> TraceConfig:
        """What is traced. Raises ValueError for what the environment says about it."""
        return trace_config((mode, setting, value) for mode, setting, value in self.trace_config)

    def settings_of(self, *backends: str) -> dict[str, str]:
        """Merge the settings of all backends and those of these, of which the last win."""
        settings = dict(self.backend_config.get("", {}))
        for backend in backends:
            settings.update(self.backend_config.get(backend, {}))
        return settings

    def make_engine(self, native: Any) -> Engine:
        """Make the data plane, `_native.Engine`, that these options ask for. Raises TritonError for the cache's."""
        limited = self.rate_limit == "execution_count"
        limits = [tuple(each) for each in self.rate_limit_resource] if limited else None
        check_cache_config(self.cache_config)
        engine: Engine = native.Engine(
            rate_limit=limits,
            local_cache_byte_size=local_cache_byte_size(self.cache_config),
            remote_cache=REDIS in self.cache_config,
            trace=self.trace.native(native),
            pinned_memory_byte_size=self.pinned_memory_pool_byte_size,
            limits=(self.max_inflight_requests, self.max_inflight_requests_per_model, self.max_inflight_byte_size),
            **self._metrics(),
        )
        return engine

    def _metrics(self) -> dict[str, Any]:
        settings = metrics_settings((name, value) for name, value in self.metrics_config)
        return {
            "counters": settings.counters,
            "histograms": settings.histograms,
            "summaries": settings.summaries,
        }
