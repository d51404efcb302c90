"""What front ends need of the server in process: their settings, and a socket that its engine listens on."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from triton_lite import _native
from triton_lite.cli.private_place import private_place
from triton_lite.engine.options import EngineOptions
from triton_lite.errors import Code, TritonError
from triton_lite.options import OptionError, Settings
from triton_lite.serving import serving_settings

# Options that front ends have, too: an engine's are theirs unless they are given others.
_SHARED_OPTIONS = (
    "log_verbose",
    "log_info",
    "log_warning",
    "log_error",
    "log_format",
    "log_file",
    "exit_timeout_secs",
)


def front_end_settings(
    engine: EngineOptions, ports: Mapping[str, int | None], address: str | None, options: Mapping[str, Any]
) -> Settings:
    """Make the settings of front ends from what `serve` was given. Raises TritonError(INVALID_ARGUMENT)."""
    fields = type(engine)
    own = {name: getattr(engine, name) for name in _SHARED_OPTIONS}
    return serving_settings(
        ports, address, options, {name: value for name, value in own.items() if value != getattr(fields, name)}
    )


class PrivateListener:
    """Where the engine listens, from the first time that front ends are wanted."""

    def __init__(self) -> None:
        self._socket: Path | None = None
        self._place = contextlib.ExitStack()

    def listen(self, engine: _native.Engine, settings: Settings, answer_budget_byte_size: int) -> Path:
        """Let the engine listen where only this user's processes find it. Returns its socket."""
        if self._socket is None:
            try:
                socket = self._place.enter_context(private_place(settings)).socket
            except OptionError as error:
                raise TritonError(Code.UNAVAILABLE, str(error)) from None
            engine.listen(str(socket), answer_budget_byte_size)
            self._socket = socket
        return self._socket

    def close(self) -> None:
        """Forget the socket and remove its folder; idempotent."""
        self._socket = None
        self._place.close()
