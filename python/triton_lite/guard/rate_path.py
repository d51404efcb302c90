"""Where the processes of one server count the requests of limited keys."""

from __future__ import annotations

from pathlib import Path


def rate_table_path(engine_socket: Path) -> Path:
    """Return the file that the processes share which share an engine; it goes with that."""
    return engine_socket.with_name(engine_socket.name + ".rates")
