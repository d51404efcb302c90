"""The version of the installed package."""

from __future__ import annotations


def version() -> str:
    """Return it, e.g. "0.1.0"; "unknown" where the package runs without being installed."""
    from importlib.metadata import PackageNotFoundError
    from importlib.metadata import version as installed

    try:
        return installed("triton-lite")
    except PackageNotFoundError:
        return "unknown"
