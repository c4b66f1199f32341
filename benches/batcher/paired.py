"""Contestants that take turns, and the ratios of their rounds."""

from __future__ import annotations

import gc
import math
import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

__all__ = ["Line", "Rounds", "Target", "interval", "take_turns"]

Figures = dict[str, float]
"""What one run of a contestant measured, by name."""
Contestant = Callable[[int], Figures]
"""Runs once; the argument is the round, from which its random draws start."""
CONFIDENCE = 0.95


def interval(values: Sequence[float]) -> tuple[float, float]:
    """Returns order statistics between which the median lies, at least 95 times of 100.

    With fewer than six values it returns all that was seen, which holds less often.

    >>> interval([3.0, 1.0, 2.0, 7.0, 6.0, 5.0, 4.0])
    (1.0, 7.0)
    """
    n, ordered = len(values), sorted(values)
    left, outside = 0, 1 / 2**n
    while left + 1 < n / 2:
        outside += math.comb(n, left + 1) / 2**n
        if 2 * outside > 1 - CONFIDENCE:
            break
        left += 1
    return ordered[left], ordered[n - 1 - left]


def ratio(one: float, other: float) -> float:
    """Returns one over the other; two zeros are equal."""
    return one / other if other else math.inf if one else 1.0


@dataclass(frozen=True)
class Target:
    """A bound of a ratio: the most of it, or the least."""

    bound: float
    least: bool = False
    by_interval: bool = False

    def __str__(self) -> str:
        how = " by the interval" if self.by_interval else ""
        return f"{'at least' if self.least else 'at most'} {self.bound:.2f}{how}"

    def beyond(self, value: float) -> bool:
        return value < self.bound if self.least else value > self.bound

    def missed(self, ratios: Sequence[float]) -> bool:
        if not self.by_interval:
            return self.beyond(statistics.median(ratios))
        return all(map(self.beyond, interval(ratios)))


@dataclass(frozen=True)
class Line:
    """One comparison. A line without a target informs."""

    name: str
    unit: str
    ours: float
    baseline: float | None
    ratios: Sequence[float]
    target: Target | None = None

    @property
    def missed(self) -> bool:
        return self.target is not None and self.target.missed(self.ratios)

    @property
    def verdict(self) -> str:
        if self.target is None:
            return ""
        if self.missed:
            return f"{self.target}: MISSED"
        unsure = len({*map(self.target.beyond, interval(self.ratios))}) == 2
        return f"{self.target}: met{', within the interval' if unsure else ''}"

    def __str__(self) -> str:
        low, high = interval(self.ratios)
        baseline = "" if self.baseline is None else f"{self.baseline:.2f}"
        ratio = f"{statistics.median(self.ratios):6.3f} [{low:.3f}, {high:.3f}]"
        both = f"{self.name:36} {self.ours:9.2f} {baseline:>9} {self.unit:8}"
        return f"{both} {ratio:23} {self.verdict}".rstrip()


@dataclass(frozen=True)
class Rounds:
    """What the rounds measured, by contestant."""

    figures: Mapping[str, Sequence[Figures]]

    def values(self, who: str, figure: str) -> list[float]:
        return [each[figure] for each in self.figures[who]]

    def median(self, who: str, figure: str) -> float:
        return statistics.median(self.values(who, figure))

    def alone(self, figure: str, unit: str, target: Target) -> Line:
        """Holds a figure of ours against a bound that is no ratio."""
        mine = self.values("ours", figure)
        return Line(f"{figure}: ours", unit, statistics.median(mine), None, mine, target)

    def line(
        self, figure: str, unit: str, baseline: str, target: Target | None = None
    ) -> Line | str:
        """Compares a figure of ours with that of a baseline, round by round."""
        if baseline not in self.figures:
            return f"{figure}: ours / {baseline}: skipped, as it is not installed"
        mine, theirs = self.values("ours", figure), self.values(baseline, figure)
        ratios = [ratio(one, other) for one, other in zip(mine, theirs, strict=True)]
        medians = statistics.median(mine), statistics.median(theirs)
        return Line(f"{figure}: ours / {baseline}", unit, *medians, ratios, target)


def take_turns(contestants: Mapping[str, Contestant], runs: int, *, warm_up: bool = True) -> Rounds:
    """Runs all contestants in each round, every other round in the opposite order."""
    figures: dict[str, list[Figures]] = {name: [] for name in contestants}
    names = [*contestants]
    for number in range(-1 if warm_up else 0, runs):
        for name in names:
            gc.collect()
            measured = contestants[name](number)
            if number >= 0:
                figures[name].append(measured)
        names.reverse()
    return Rounds(figures)
