"""Arguments that are well formed and still cannot be used."""

from __future__ import annotations


class UsageError(Exception):
    """What is wrong with an argument, and what to write instead."""
