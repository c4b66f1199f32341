"""Runs contestants in turns and keeps what each round measured."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from benches.batcher.paired import Line, Target

__all__ = ["Figures", "Plan", "Rounds"]

Figures = Mapping[str, float]


@dataclass(frozen=True)
class Plan:
    """Which contestants run in each round, and which in the first alone."""

    every: Sequence[str]
    once: Sequence[str] = ()

    def order(self, number: int) -> list[str]:
        """Returns the contestants of a round; every other round runs in the opposite order.

        >>> plan = Plan(["a", "b"], ["c"])
        >>> plan.order(0), plan.order(1)
        (['a', 'b', 'c'], ['b', 'a'])
        """
        names = [*self.every, *(self.once if number == 0 else ())]
        return names if number % 2 == 0 else names[::-1]


@dataclass
class Rounds:
    """Figures of all runs, by contestant."""

    figures: dict[str, list[Figures]] = field(default_factory=dict)

    def run(self, plan: Plan, rounds: int, measure: Callable[[str], Figures]) -> None:
        """Measures each contestant of each round."""
        for number in range(rounds):
            for name in plan.order(number):
                self.figures.setdefault(name, []).append(measure(name))

    def median(self, name: str, figure: str) -> float:
        """Returns the median of a contestant's figure over its rounds."""
        return statistics.median(self.values(name, figure))

    def values(self, name: str, figure: str) -> list[float]:
        """Returns a contestant's figure in each of its rounds."""
        return [figures[figure] for figures in self.figures[name]]

    def ratio(
        self, figure: str, unit: str, above: str, below: str, target: Target | None = None
    ) -> Line | None:
        """Returns one contestant over another, round by round; None if one of them did not run."""
        if above not in self.figures or below not in self.figures:
            return None
        ones, others = self.values(above, figure), self.values(below, figure)
        ratios = [one / other for one, other in zip(ones, others, strict=False)]
        medians = statistics.median(ones), statistics.median(others)
        return Line(f"{above} / {below}", unit, *medians, ratios, target)

    def alone(self, figure: str, unit: str, name: str, target: Target | None = None) -> Line | None:
        """Returns a figure of one contestant, held against a bound; None if it did not run."""
        if name not in self.figures:
            return None
        values = self.values(name, figure)
        return Line(f"{figure}: {name}", unit, statistics.median(values), None, values, target)
