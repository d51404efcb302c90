"""Where the engine of a set of options is to be found."""

from __future__ import annotations

import json
import os
import sys
from dataclasses import dataclass
from pathlib import Path

from triton_lite.launch.repositories import resolved_repositories
from triton_lite.launch.runtime_folder import runtime_folder
from triton_lite.options import OptionError, Scope, Settings

_SOCKET_PATH_MAX = 107  # sun_path, without its NUL.


@dataclass(frozen=True)
class Place:
    """An engine's socket, and the lock under which it is started."""

    socket: Path

    @property
    def lock(self) -> Path:
        """The file that is locked while an engine is started here or takes its socket away."""
        return self.socket.with_name(self.socket.name + ".lock")


def place_of(settings: Settings) -> Place:
    """Return the engine's place: named by --engine, else by a hash of repositories and engine options.

    Other options therefore mean another engine, never another's models. Raises OptionError.
    """
    if settings["engine"]:
        socket = Path(settings["engine"]).absolute()
    else:
        socket = runtime_folder(settings) / f"engine-{fingerprint(settings)}.sock"
    if len(bytes(socket)) > _SOCKET_PATH_MAX:
        raise OptionError(
            f"the path of the engine's socket is longer than {_SOCKET_PATH_MAX} bytes: {socket}; name a shorter folder "
            "with --runtime-dir or TRITON_LITE_RUNTIME_DIR"
        )
    return Place(socket)


def fingerprint(settings: Settings) -> str:
    """A short name for everything that makes two engines different: models, options, and the installed code."""
    import hashlib  # `serve` names its engine itself and starts sooner without it.

    identity = {
        "options": _identity(settings),
        "code": str(Path(__file__).resolve().parent.parent),
        # Not the name of the interpreter, of which an environment has several.
        "python": [sys.prefix, sys.version],
    }
    text = json.dumps(identity, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _identity(settings: Settings) -> dict[str, object]:
    chosen = settings.scoped(Scope.ENGINE)
    # Links are followed here only: a linked file keeps the name that its model gets from it.
    chosen["model-repository"] = [os.path.realpath(path) for path in resolved_repositories(settings)]
    return chosen
