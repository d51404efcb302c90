"""--trace-config: what an engine traces from its start on."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from triton_lite.trace_settings import LEVELS, OFF

if TYPE_CHECKING:
    from triton_lite._native import TraceConfig as NativeTraceConfig

TRITON, OPENTELEMETRY = "triton", "opentelemetry"

_UINT32_MAX = (1 << 32) - 1
_SPAN_PROCESSOR = {"bsp_max_queue_size": 2048, "bsp_schedule_delay": 5000, "bsp_max_export_batch_size": 512}


@dataclass(frozen=True)
class TraceConfig:
    """Settings of the start. `level`: bits; `count`: -1 for no limit; `file` and `log_frequency`: of mode triton.

    `opentelemetry`: settings of that mode in their order, those of the batch span processor always among them; only
    resource may come more than once.
    """

    level: int = OFF
    rate: int = 1000
    count: int = -1
    mode: str = TRITON
    file: str = ""
    log_frequency: int = 0
    opentelemetry: tuple[tuple[str, str], ...] = field(default=())

    @property
    def exports_spans(self) -> bool:
        """Whether traces become spans instead of files."""
        return self.mode == OPENTELEMETRY

    def native(self, native: Any) -> NativeTraceConfig:
        """What the data plane needs of it."""
        config: NativeTraceConfig = native.TraceConfig(
            level=self.level,
            rate=self.rate & _UINT32_MAX,
            count=self.count,
            log_frequency=self.log_frequency & _UINT32_MAX,
            file=self.file,
            opentelemetry=self.exports_spans,
        )
        return config


def trace_config(settings: Iterable[tuple[str, str, str]], environment: Mapping[str, str] | None = None) -> TraceConfig:
    """Read (mode, setting, value) triples, mode "" for settings of both. Settings that are unknown change nothing.

    Levels add up, but OFF turns all of them off. Raises ValueError for a number in the environment that is none.
    """
    given = [(mode, setting, value) for mode, setting, value in settings]
    common = {setting: value for mode, setting, value in given if mode == ""}
    files = {setting: value for mode, setting, value in given if mode == TRITON}
    levels = [value for mode, setting, value in given if (mode, setting) == ("", "level")]
    level = OFF
    for name in levels:
        level |= LEVELS[name]
    mode = common.get("mode", TRITON)
    spans = tuple((setting, value) for of, setting, value in given if of == OPENTELEMETRY)
    return TraceConfig(
        level=OFF if "OFF" in levels else level,
        rate=int(common.get("rate", 1000)),
        count=int(common.get("count", -1)),
        mode=mode,
        file=files.get("file", "") if mode == TRITON else "",
        log_frequency=int(files.get("log-frequency", 0)) if mode == TRITON else 0,
        opentelemetry=_with_span_processor(spans, environment) if mode == OPENTELEMETRY else (),
    )


def _with_span_processor(
    given: tuple[tuple[str, str], ...], environment: Mapping[str, str] | None
) -> tuple[tuple[str, str], ...]:
    variables = os.environ if environment is None else environment
    names = {setting for setting, _ in given}
    added = []
    for setting, default in _SPAN_PROCESSOR.items():
        if setting not in names:
            variable = "OTEL_" + setting.upper()
            text = variables.get(variable) or str(default)
            if not text.isascii() or not text.isdigit() or int(text) > _UINT32_MAX:
                raise ValueError(f'Bad option: "{variable}".\nInvalid option value. Got {text}')
            added.append((setting, text))
    return (*given, *added)
