"""What the kernel says about processes."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import Any

_PROC = Path("/proc")
_ESTABLISHED = "01"
# By what stands in a process's command line; the first that fits.
_KINDS = (
    ("triton_python_backend_stub", "model"),
    ("triton_lite.engine", "engine"),
    ("triton_lite.frontends.grpc", "gRPC"),
    ("triton-lite-grpc", "gRPC"),
    ("gunicorn", "HTTP"),
    ("triton-lite-http", "HTTP"),
    ("triton-lite", "supervisor"),
    ("triton_lite.cli", "supervisor"),
)


def descendants(process_id: int) -> list[int]:
    """List the children of a process, theirs, and so on."""
    children: dict[int, list[int]] = {}
    for folder in _PROC.iterdir():
        if folder.name.isdigit():
            with contextlib.suppress(OSError, ValueError, IndexError):
                # The name of a process, in parentheses, may hold anything.
                parent = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
                children.setdefault(parent, []).append(int(folder.name))
    found: list[int] = []
    waiting = [process_id]
    while waiting:
        below = sorted(children.get(waiting.pop(0), ()))
        found += below
        waiting += below
    return found


def describe(process_id: int) -> dict[str, Any]:
    """Describe a process: process_id, what, memory_byte_size (resident), files, connections (TCP), threads.

    What cannot be known, as of a process that has just ended, is 0.
    """
    folder = _PROC / str(process_id)
    resident, threads, files, connections = 0, 0, 0, 0
    what = "?"
    with contextlib.suppress(OSError, ValueError):
        command = (folder / "cmdline").read_bytes().decode("utf-8", "replace")
        what = next((kind for part, kind in _KINDS if part in command), "other")
        lines = (folder / "status").read_text().splitlines()
        fields = dict(line.split(":", 1) for line in lines if ":" in line)
        resident = int(fields.get("VmRSS", "0").split()[0]) << 10
        threads = int(fields.get("Threads", "0"))
    with contextlib.suppress(OSError):
        sockets = set()
        for name in os.listdir(folder / "fd"):
            files += 1
            with contextlib.suppress(OSError):
                target = os.readlink(folder / "fd" / name)
                if target.startswith("socket:["):
                    sockets.add(target[8:-1])
        connections = len(sockets & _established(folder))
    return {
        "process_id": process_id,
        "what": what,
        "memory_byte_size": resident,
        "files": files,
        "connections": connections,
        "threads": threads,
    }


def _established(folder: Path) -> set[str]:
    """The inodes of the TCP connections of a process's network."""
    found = set()
    for name in ("tcp", "tcp6"):
        with contextlib.suppress(OSError):
            for line in (folder / "net" / name).read_text().splitlines()[1:]:
                fields = line.split()
                if fields[3] == _ESTABLISHED:
                    found.add(fields[9])
    return found
