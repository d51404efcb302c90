"""Message classes by name: those of package `inference`, and the two of gRPC's health check."""

from __future__ import annotations

from typing import Any

from triton_lite.proto import pool

_PACKAGES = ("inference", "grpc.health.v1")


def __getattr__(name: str) -> Any:
    if not name[:1].isupper():
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    for package in _PACKAGES:
        try:
            found = pool.message_class(f"{package}.{name}")
        except KeyError:
            continue
        globals()[name] = found
        return found
    raise AttributeError(f"protos/ defines no message {name!r}")
