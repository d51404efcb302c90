"""An inference server that speaks NVIDIA Triton's protocol, in a package."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from triton_lite.functions.batching import DynamicBatching
    from triton_lite.functions.tensor import Tensor
    from triton_lite.server import Server

__all__ = ["DynamicBatching", "Server", "Tensor"]

_PLACES = {"DynamicBatching": "functions.batching", "Server": "server", "Tensor": "functions.tensor"}


def __getattr__(name: str) -> Any:
    # Importing the package costs nothing until the in-process server is wanted.
    if name in _PLACES:
        from importlib import import_module

        return getattr(import_module(f"triton_lite.{_PLACES[name]}"), name)
    raise AttributeError(f"module 'triton_lite' has no attribute '{name}'")
