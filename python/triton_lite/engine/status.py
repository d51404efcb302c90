"""What a server does right now: its processes, models, memory. For `triton-lite status` and the log."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from triton_lite.engine.processes import descendants, describe
from triton_lite.engine.state import State

if TYPE_CHECKING:
    from triton_lite.engine.handlers import Context

_PENDING = "nv_inference_pending_request_count"
_started = time.monotonic()


def status(context: Context) -> dict[str, Any]:
    """Describe the server.

    state: starting, ready, not ready or draining. processes: of the server, the supervisor first (processes.describe);
    peers: how many front ends are connected. models: name, version, state, queued (None where nobody counts it).
    """
    progress = context.progress
    return {
        "state": "draining" if progress.draining else _state(context),
        "engine": os.getpid(),
        "seconds": round(time.monotonic() - _started, 3),
        "peers": context.engine.peer_count,
        "threads": threading.active_count(),
        "pinned_memory_byte_size": context.engine.pinned_memory_in_use,
        "processes": [describe(process) for process in _processes(context)],
        "models": list(_models(context)),
        "regions": {
            "system": len(context.engine.system_regions("")),
            "cuda": len(context.engine.cuda_regions("")),
        },
    }


def _state(context: Context) -> str:
    from triton_lite.engine.handlers.health import is_ready

    if not context.progress.done:
        return "starting"
    return "ready" if is_ready(context) else "not ready"


def _processes(context: Context) -> list[int]:
    """The processes of a supervised server; of one that front ends started, the engine and whoever is connected."""
    if context.supervised:
        supervisor = os.getppid()
        return [supervisor, *descendants(supervisor)]
    return [os.getpid(), *sorted({process for process, _ in context.engine.peers()} - {os.getpid()})]


def _models(context: Context) -> Iterator[dict[str, Any]]:
    pending = pending_requests(context.engine.metrics_text().gauges.decode())
    for name, versions in context.lifecycle.table.states().items():
        for version, known in versions.items():
            served = known.state is State.READY
            queued = pending.get((name.rpartition("::")[2], str(version))) if served else None
            yield {"name": name, "version": version, "state": known.state.name, "queued": queued}


def pending_requests(gauges: str) -> dict[tuple[str, str], int]:
    """Read from the gauges of the metrics how many requests wait, by model and version."""
    found: dict[tuple[str, str], int] = {}
    for line in gauges.splitlines():
        if line.startswith(_PENDING + "{"):
            labels, _, value = line.removeprefix(_PENDING).rpartition(" ")
            by_name = dict(part.split("=", 1) for part in labels.strip("{}").split(",") if "=" in part)
            found[by_name.get("model", "").strip('"'), by_name.get("version", "").strip('"')] = int(float(value))
    return found


def as_text(shown: dict[str, Any]) -> str:
    """Write a status for people."""
    lines = [
        f"state {shown['state']}, engine {shown['engine']} up {shown['seconds']:.0f} s, {shown['peers']} front ends "
        f"connected, regions {shown['regions']['system']} system {shown['regions']['cuda']} cuda",
        f"{'process':>9} {'what':<12} {'memory':>10} {'files':>6} {'conns':>6} {'threads':>7}",
    ]
    for each in shown["processes"]:
        lines.append(
            f"{each['process_id']:>9} {each['what']:<12} {each['memory_byte_size'] / (1 << 20):>6.1f} MiB "
            f"{each['files']:>6} {each['connections']:>6} {each['threads']:>7}"
        )
    lines.append(f"{'model':<32} {'version':>7} {'state':<12} {'queued':>6}")
    for each in shown["models"]:
        queued = "-" if each["queued"] is None else each["queued"]
        lines.append(f"{each['name']:<32} {each['version']:>7} {each['state']:<12} {queued:>6}")
    return "\n".join(lines)
