"""Alternating rounds and what is quoted of them."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Sample:
    """One round of one side: answers a second, CPU microseconds a request (0 where it is not measured)."""

    rate: float
    cpu_us: float = 0.0


@dataclass(frozen=True)
class Comparison:
    """Medians over the rounds, and the median of the ratios round by round."""

    name: str
    floor: float
    ratio: float
    ours: Sample
    reference: Sample
    spread: tuple[float, float]

    def row(self) -> str:
        """One line of the table in RESULTS.md."""
        low, high = self.spread
        cpu = f"{self.ours.cpu_us:.0f} / {self.reference.cpu_us:.0f}" if self.ours.cpu_us else "-"
        verdict = "yes" if self.ratio >= self.floor else "NO"
        return (
            f"| {self.name} | {self.ratio:.2f} | {low:.2f}..{high:.2f} | {self.floor:.2f} | {verdict} "
            f"| {self.ours.rate:.0f} / {self.reference.rate:.0f} | {cpu} |"
        )


HEADER = (
    "| what | ratio (median) | range | floor | met | a second: ours / reference | CPU µs each: ours / reference |\n"
    "|---|---|---|---|---|---|---|"
)


Pair = tuple[Sample, Sample]
"""A round of both sides: ours, the reference."""


def alternate(
    name: str, floor: float, ours: Callable[[], Sample], reference: Callable[[], Sample], rounds: int
) -> Comparison:
    """Run both sides in turn, `rounds` times each."""
    return compare_pairs(name, floor, take_turns(ours, reference, rounds))


def take_turns(ours: Callable[[], Sample], reference: Callable[[], Sample], rounds: int) -> list[Pair]:
    """Run both sides `rounds` times each; each goes first in every other round."""
    pairs: list[Pair] = []
    for number in range(rounds):
        if number % 2:
            other = reference()
            pairs.append((ours(), other))
        else:
            pairs.append((ours(), reference()))
    return pairs


def compare_pairs(name: str, floor: float, pairs: Sequence[Pair]) -> Comparison:
    """Say what is quoted of rounds."""
    ratios = [a.rate / b.rate for a, b in pairs]

    def median(side: int) -> Sample:
        return Sample(
            statistics.median(pair[side].rate for pair in pairs), statistics.median(pair[side].cpu_us for pair in pairs)
        )

    return Comparison(name, floor, statistics.median(ratios), median(0), median(1), (min(ratios), max(ratios)))
