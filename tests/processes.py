"""The processes of this machine as /proc tells of them; any of them may end while one looks."""

from __future__ import annotations

import contextlib
from pathlib import Path


def descendants(process_id: int) -> dict[int, str]:
    """The processes below one, with their command lines: its children, then theirs. Zombies have an empty line.

    By their parents, since what a thread's list of children says changes hands when that thread ends.
    """
    parents = {int(folder.name): parent_of(int(folder.name)) for folder in Path("/proc").glob("[0-9]*")}
    found: dict[int, str] = {}
    waiting = [process_id]
    for parent in waiting:
        children = [child for child, of in parents.items() if of == parent]
        waiting += children
        for child in children:
            with contextlib.suppress(OSError):
                found[child] = command_line(child)
    return found


def children(process_id: int) -> list[int]:
    """The processes that one has started."""
    return [child for child in descendants(process_id) if parent_of(child) == process_id]


def command_line(process_id: int) -> str:
    """A process's arguments; OSError for one that has gone."""
    return Path(f"/proc/{process_id}/cmdline").read_bytes().replace(b"\0", b" ").decode()


def parent_of(process_id: int) -> int:
    """The parent of a process; 0 for one that has gone."""
    return int((_status(process_id) or ["", "0"])[1])


def gone(process_id: int) -> bool:
    """Whether a process has ended (zombies count as gone)."""
    return (_status(process_id) or ["Z"])[0] == "Z"


def _status(process_id: int) -> list[str]:
    """State, parent and what else follows a process's name in its line; nothing for one that has gone."""
    try:
        return Path(f"/proc/{process_id}/stat").read_text().rpartition(")")[2].split()
    except OSError:  # It also ends between the file's opening and its reading.
        return []


def memory_of(process_id: int) -> dict[str, int]:
    """Bytes of a process's memory by the names of smaps_rollup (Pss: shared pages divided); none if it is gone."""
    with contextlib.suppress(OSError):
        lines = Path(f"/proc/{process_id}/smaps_rollup").read_text().splitlines()[1:]
        return {name.rstrip(":"): int(value) << 10 for name, value, _ in map(str.split, lines)}
    return {}
