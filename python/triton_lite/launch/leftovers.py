"""What servers left in the runtime folder that were killed: files whose locks nobody holds."""

from __future__ import annotations

import contextlib
import shutil
from pathlib import Path

from triton_lite.engine.journal import journal_path, read
from triton_lite.guard.rate_path import rate_table_path
from triton_lite.launch.file_lock import FileLock
from triton_lite.launch.place import Place
from triton_lite.logs import board_path


def clear(place: Place) -> None:
    """Remove what belongs to an engine at `place`, but for its lock. Nobody may be there."""
    journal = journal_path(place.socket)
    record = read(journal) if journal.exists() else None
    for folder in record.folders if record is not None else ():
        shutil.rmtree(folder, ignore_errors=True)
    rates = rate_table_path(place.socket)
    for path in (place.socket, board_path(place.socket), rates, journal, journal.with_name(journal.name + ".new")):
        with contextlib.suppress(OSError):  # Nothing of ours, then.
            path.unlink()


def remove_leftovers(folder: Path) -> None:
    """Remove what servers left that were killed. Others may be running, or start at the same time."""
    sockets = {path.name.partition(".sock")[0] + ".sock" for path in folder.glob("serve-*.sock*")}
    for name in sorted(sockets):
        place = Place(folder / name)
        with FileLock(place.lock) as lock:
            if lock.try_acquire():
                clear(place)
    for path in folder.glob("port-*.lock"):
        with contextlib.suppress(OSError), FileLock(path) as lock:
            lock.try_acquire()  # Whoever has it removes it when he lets go.
