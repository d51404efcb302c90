"""An inference server that speaks NVIDIA Triton's protocol, in a package."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from triton_lite.server import Server

__all__ = ["Server"]


def __getattr__(name: str) -> Any:
    # Importing the package costs nothing until the in-process server is wanted.
    if name == "Server":
        from triton_lite.server import Server

        return Server
    raise AttributeError(f"module 'triton_lite' has no attribute '{name}'")
