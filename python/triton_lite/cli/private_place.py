"""Where the engine of one `serve` is found: its own, however many servers have the same options."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

from triton_lite.guard.rate_path import rate_table_path
from triton_lite.launch.file_lock import FileLock
from triton_lite.launch.place import Place, place_of
from triton_lite.launch.runtime_folder import runtime_folder
from triton_lite.logs import board_path
from triton_lite.options import OptionError, Settings

_LOCK_SECONDS = 1.0


@contextlib.contextmanager
def private_place(settings: Settings) -> Iterator[Place]:
    """Hold a place for the block; what it left is removed at its end. Raises OptionError if --engine is taken."""
    if settings["engine"]:
        place = place_of(settings)
    else:
        folder = runtime_folder(settings)
        _sweep(folder)
        # Containers that share the folder may have equal process ids.
        place = Place(folder / f"serve-{os.getpid()}-{os.urandom(3).hex()}.sock")
    with FileLock(place.lock) as lock:
        # Not at once: another server that starts may be looking whether this lock is a dead one's.
        if not lock.acquire(_LOCK_SECONDS):
            raise OptionError(f'Bad option: "--engine".\nanother server has its engine at {place.socket}')
        _clear(place)
        try:
            yield place
        finally:
            _clear(place)


def _clear(place: Place) -> None:
    place.socket.unlink(missing_ok=True)
    board_path(place.socket).unlink(missing_ok=True)
    rate_table_path(place.socket).unlink(missing_ok=True)


def _sweep(folder: Path) -> None:
    """Remove what servers left that were killed: nobody holds their locks."""
    for name in {path.name.partition(".sock")[0] + ".sock" for path in folder.glob("serve-*")}:
        place = Place(folder / name)
        with FileLock(place.lock) as lock:
            if lock.try_acquire():
                _clear(place)
