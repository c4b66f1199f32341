"""Plays a candidate: at a rate, or at the highest rate that meets the objective."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from multibin.lab.compare import compare, saturation
from multibin.lab.compare._play import play
from multibin.lab.plan._candidates import Candidate
from multibin.lab.plan._question import Objective
from multibin.lab.traces import Trace

__all__ = ["Field", "Outcome"]

FALLING = (1.08, 1.0, 0.93, 0.8, 0.5, 0.2, 0.02)
"""Rates at which the search looks for one that meets the objective, × where it starts. From the
top, as strict bins miss it at low rates as well."""

RISES = 40
"""Times that the search goes up by the first of them."""


@dataclass(frozen=True)
class Outcome:
    """What became of the requests. Seconds, and requests per second."""

    candidate: Candidate
    rate: float
    """At which it was played."""
    steady: bool
    """Whether the backlog does not grow."""
    mean: float
    """Latency from arrival to answer, after the warm-up."""
    p99: float
    meets: bool
    """Whether it is steady and within the objective's ``slo_p99``."""
    cost: float
    """What the objective wants low: the mean, or seconds per request at the highest rate; p99 where
    the objective is missed."""
    saturation: float | None = None
    """The highest stable rate; None if it was not searched, or not found."""

    @property
    def headroom(self) -> float | None:
        """Saturation over rate."""
        return None if self.saturation is None else self.saturation / self.rate


@dataclass(frozen=True, eq=False)
class Field:
    """Requests that arrive at 1 per second, and what is wanted of them."""

    objective: Objective
    trace: Trace
    precision: float
    """Relative width at which the search for the highest rate ends."""

    def measure(self, candidate: Candidate, start: float | None = None) -> Outcome:
        """At the objective's rate; without one, at the highest that meets it, or, where none does,
        at the lowest that was tried. ``start`` is of its order, requests per second.
        """
        if self.objective.rate is not None:
            return self.at(candidate, self.objective.rate)
        return self._highest(candidate, start or self.backlogged(candidate))

    def at(self, candidate: Candidate, rate: float) -> Outcome:
        """At a rate, requests per second."""
        trace = self.trace.scale_rate(rate)
        fitted, played = candidate.fitted, [candidate.played]
        (result,) = compare(candidate.settings, trace, fitted, played)
        p99, slo = result.latency_at(0.99), self.objective.slo_p99
        steady, mean = result.steady, float(result.latency.mean())
        meets = steady and (slo is None or p99 <= slo)
        cost = mean if self.objective.rate is not None else 1 / rate
        return Outcome(candidate, rate, steady, mean, p99, meets, cost if meets else p99)

    def saturation(self, candidate: Candidate) -> float | None:
        """The highest stable rate; None where too few requests tell it."""
        settings, fitted, played = candidate.settings, candidate.fitted, candidate.played
        try:
            return saturation(
                lambda rate: play(settings, self.trace.scale_rate(rate), fitted, played),
                self.backlogged(candidate),
            )
        except ValueError:
            return None

    def backlogged(self, candidate: Candidate) -> float:
        """Requests per second where all are there at once."""
        trace = self.trace.with_arrivals(None)
        return play(candidate.settings, trace, candidate.fitted, candidate.played).throughput

    def _highest(self, candidate: Candidate, start: float) -> Outcome:
        def at(rate: float) -> Outcome:
            return self.at(candidate, rate)

        outcome = at(start * FALLING[0])
        if outcome.meets:
            return _bisect(at, *_risen(at, outcome), self.precision)
        for factor in FALLING[1:]:
            above, outcome = outcome.rate, at(start * factor)
            if outcome.meets:
                return _bisect(at, outcome, above, self.precision)
        return outcome


def _risen(at: Callable[[float], Outcome], best: Outcome) -> tuple[Outcome, float]:
    """The last that meets the objective on the way up, and the rate after it."""
    for _ in range(RISES):
        following = at(best.rate * FALLING[0])
        if not following.meets:
            return best, following.rate
        best = following
    return best, best.rate


def _bisect(
    at: Callable[[float], Outcome], best: Outcome, above: float, precision: float
) -> Outcome:
    """``best`` meets the objective, the rate ``above`` does not."""
    while above > best.rate * (1 + precision):
        middle = at(float(np.sqrt(best.rate * above)))
        if middle.meets:
            best = middle
        else:
            above = middle.rate
    return best
