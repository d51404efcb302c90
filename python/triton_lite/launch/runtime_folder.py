"""The one folder that is written to: sockets and locks of one user."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from triton_lite.options import OptionError, Settings


def runtime_folder(settings: Settings) -> Path:
    """Return the runtime folder, made if need be, private to this user. Raises OptionError saying what to do."""
    folder = _choose(settings)
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        status = os.lstat(folder) if not settings["runtime-dir"] else os.stat(folder)
    except OSError as error:
        raise OptionError(f"the runtime folder {folder} cannot be made ({error}); {_ADVICE}") from None
    # Whoever may write here could put an own socket in the engine's place: in /tmp anybody can make the folder first.
    if not stat.S_ISDIR(status.st_mode):
        raise OptionError(f"the runtime folder {folder} is not a folder; {_ADVICE}")
    if status.st_uid != os.geteuid():
        raise OptionError(f"the runtime folder {folder} belongs to user {status.st_uid}; {_ADVICE}")
    if status.st_mode & 0o022:
        raise OptionError(f"the runtime folder {folder} can be written by others; chmod 700 it, or {_ADVICE}")
    return folder


_ADVICE = "name another with --runtime-dir or TRITON_LITE_RUNTIME_DIR"


def _choose(settings: Settings) -> Path:
    if settings["runtime-dir"]:
        return Path(settings["runtime-dir"]).absolute()
    session = os.environ.get("XDG_RUNTIME_DIR", "")
    if os.path.isabs(session) and os.access(session, os.W_OK | os.X_OK):
        return Path(session, "triton-lite")
    import tempfile  # Only here: where there is a session folder it is not needed.

    return Path(tempfile.gettempdir(), f"triton-lite-{os.geteuid()}")
