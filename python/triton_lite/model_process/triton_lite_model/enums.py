"""Enumerations that print as those of Triton's compiled module."""

from __future__ import annotations

from enum import IntEnum


class CompiledEnum(IntEnum):
    """An enumeration whose members show the name of their class and their own."""

    def __str__(self) -> str:
        return f"{type(self).__name__}.{self.name}"

    def __repr__(self) -> str:
        return f"<{self}: {self.value}>"

    def __format__(self, specification: str) -> str:
        return format(str(self), specification)
