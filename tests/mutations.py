"""Texts that somebody spoiled, by a printed seed: as many as a test wants, each a few steps away from a good one."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence

_MOST_STEPS = 5
_LONGEST_CUT = 30


class Mutations:
    """Spoils texts: cuts, repeats and swaps parts of them, and puts tokens and parts of other texts in."""

    def __init__(self, seed: int, texts: Sequence[str], tokens: Sequence[str], longest: int = 2000) -> None:
        self._random = random.Random(seed)
        self._texts = texts
        self._tokens = tokens
        self._longest = longest

    def take(self, count: int) -> Iterator[str]:
        """Yield so many texts."""
        for _ in range(count):
            text = self._random.choice(self._texts)
            for _ in range(self._random.randint(1, _MOST_STEPS)):
                text = self._spoil(text)
            yield text[: self._longest]

    def _spoil(self, text: str) -> str:
        at = self._random.randint(0, len(text))
        end = min(len(text), at + self._random.randint(0, _LONGEST_CUT))
        match self._random.randrange(7):
            case 0:
                return text[:at] + self._random.choice(self._tokens) + text[at:]
            case 1:
                return text[:at] + self._random.choice(self._tokens) + text[end:]
            case 2:
                return text[:at] + text[end:]
            case 3:
                return text[:end] + text[at:]
            case 4:
                other = self._random.choice(self._texts)
                start = self._random.randint(0, len(other))
                return text[:at] + other[start : start + self._random.randint(0, 200)] + text[end:]
            case 5:
                return text[:at] + chr(self._random.randrange(256)) + text[at + 1 :]
            case _:
                return text[:at] + text[at:end] * self._random.randint(2, 8) + text[end:]
