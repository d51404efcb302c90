"""Where the engine of one `serve` is found: its own, however many servers have the same options."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator

from triton_lite.launch.file_lock import FileLock
from triton_lite.launch.leftovers import clear, remove_leftovers
from triton_lite.launch.place import Place, place_of
from triton_lite.launch.runtime_folder import runtime_folder
from triton_lite.options import OptionError, Settings

_LOCK_SECONDS = 1.0


@contextlib.contextmanager
def private_place(settings: Settings) -> Iterator[Place]:
    """Hold a place for the block; what it left is removed at its end. Raises OptionError if --engine is taken."""
    if settings["engine"]:
        place = place_of(settings)
    else:
        folder = runtime_folder(settings)
        remove_leftovers(folder)
        # Containers that share the folder may have equal process ids.
        place = Place(folder / f"serve-{os.getpid()}-{os.urandom(3).hex()}.sock")
    with FileLock(place.lock) as lock:
        # Not at once: another server that starts may be looking whether this lock is a dead one's.
        if not lock.acquire(_LOCK_SECONDS):
            raise OptionError(f'Bad option: "--engine".\nanother server has its engine at {place.socket}')
        clear(place)
        try:
            yield place
        finally:
            clear(place)
