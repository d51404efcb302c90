"""Chunks of a body that are handed on together, and how many they were: the number is limited."""

from __future__ import annotations

from collections.abc import Iterable

# Servers hand on a chunk as it is unless it comes in pieces, and these are not that small.
_TINY_BYTE_SIZE = 512


class Pieces(bytes):
    """Several chunks in one. `tiny`: how many of them were chunks for sure."""

    tiny = 0

    @classmethod
    def joined(cls, chunks: Iterable[bytes]) -> Pieces:
        """Join chunks, of which some may be joined ones."""
        every = tuple(chunks)
        made = cls(b"".join(every))
        made.tiny = sum(map(tiny_in, every))
        return made


def tiny_in(piece: bytes) -> int:
    """Count the tiny chunks that a piece of a body is made of."""
    return piece.tiny if isinstance(piece, Pieces) else int(len(piece) < _TINY_BYTE_SIZE)
