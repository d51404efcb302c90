"""Bringing an engine to where one was that was killed: regions and traces at once, models while it starts."""

from __future__ import annotations

import logging
from typing import Any

from triton_lite.engine.journal import Journal, Record
from triton_lite.errors import TritonError

_log = logging.getLogger(__name__)


def restore_settings(engine: Any, journal: Journal, record: Record) -> None:
    """Register the regions that still exist, and set what was set of traces.

    Called before the engine listens: nobody sees it without them.
    """
    _restore_regions(engine, journal, record)
    for model, changes in sorted(record.traces.items()):  # "" is the first: others fall back to it.
        try:
            engine.update_trace(model, changes)
        except TritonError as error:
            _log.error("trace settings of '%s' could not be set again: %s", model or "all models", error.text)


def _restore_regions(engine: Any, journal: Journal, record: Record) -> None:
    gone = []
    for name, key, offset, byte_size in record.system_regions:
        try:
            engine.register_system_region(name, key, offset, byte_size)
        except TritonError as error:
            gone.append(f"{name} ({error.text})")
    for name, region in list(record.cuda_regions.items()):
        try:
            engine.register_cuda_region(name, region.raw_handle, region.device_id, region.byte_size)
        except TritonError as error:
            gone.append(f"{name} ({error.text})")
    if gone:
        _log.warning("regions of shared memory that could not be registered again: %s", ", ".join(gone))
    if record.system_regions or record.cuda_regions:
        record_regions(engine, journal)


def record_regions(engine: Any, journal: Journal) -> None:
    """Write down the regions that there are."""
    journal.record_regions(engine.system_regions(""), [name for name, _, _ in engine.cuda_regions("")])
