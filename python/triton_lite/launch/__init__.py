"""How a front end finds its engine, or starts it; and the options that both have in common."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from triton_lite.options import Settings, load

if TYPE_CHECKING:
    from triton_lite._native import ChannelClient

__all__ = ["connect", "options"]


def options(arguments: Sequence[str] = ()) -> Settings:
    """The options of this process: `arguments`, else TRITON_LITE_... in the environment, else the options file.

    Raises OptionError (a ValueError), also for anything in `arguments` that is no option.
    """
    settings, rest = load(arguments)
    if rest:
        from triton_lite.options import OptionError

        raise OptionError(f"Unexpected argument: {rest[0]}")
    return settings


def connect(name: str) -> ChannelClient:
    """Connect to the engine that this process's options stand for; starts one if there is none.

    name: what this peer calls itself ("http", "grpc"). Blocks until the engine listens, not until models are loaded.
    Raises TritonError(UNAVAILABLE) if there is no engine and none can be started. Any thread may call.
    """
    from triton_lite.launch.connection import connect_to_engine

    return connect_to_engine(name, options())
