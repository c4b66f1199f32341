"""Plays a candidate: at a rate, or at the highest rate that meets the objective."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from multibin.lab.compare import compare, play, saturation
from multibin.lab.plan._candidates import Candidate
from multibin.lab.plan._question import Objective
from multibin.lab.traces import Trace

__all__ = ["Experiment", "Outcome"]

FALLING = (1.08, 1.0, 0.93, 0.8, 0.5, 0.2, 0.02)
"""Rates at which the search looks for one that meets the objective, × its start.

It begins at the top, as strict bins miss the objective at low rates, too."""

RISES = 40
"""Times that the search goes up by the first of them."""


@dataclass(frozen=True)
class Outcome:
    """What came of a candidate. Units are seconds, and requests per second."""

    candidate: Candidate
    rate: float
    """The rate at which it was played."""
    steady: bool
    """The backlog does not grow."""
    mean: float
    """Mean latency from arrival to answer, after the warm-up."""
    p99: float
    meets: bool
    """It is steady and within the objective's ``slo_p99``."""
    score: float
    """What the objective wants low: the mean, or seconds per request at the highest rate.

    It is p99 where the objective is missed."""
    saturation: float | None = None
    """The highest stable rate; None if it was not searched, or not found."""

    @property
    def headroom(self) -> float | None:
        """Returns saturation over rate."""
        return None if self.saturation is None else self.saturation / self.rate


@dataclass(frozen=True, eq=False)
class Experiment:
    """Requests that arrive at 1 per second, to play candidates on, and the objective."""

    objective: Objective
    trace: Trace
    precision: float
    """Relative width at which the search for the highest rate ends."""

    def measure(self, candidate: Candidate, start: float | None = None) -> Outcome:
        """Plays a candidate at the objective's rate.

        Without one it plays at the highest rate that meets the objective. Where none does, it plays
        at the lowest that was tried. ``start`` is a rate of the right order.
        """
        if self.objective.rate is not None:
            return self.measure_at(candidate, self.objective.rate)
        return self._highest(candidate, start or self.backlog_throughput(candidate))

    def measure_at(self, candidate: Candidate, rate: float) -> Outcome:
        """Plays a candidate at a rate, in requests per second."""
        trace, policies = self.trace.scale_rate(rate), [candidate.own_policy]
        (result,) = compare(candidate.settings, trace, candidate.fit, policies)
        p99, slo = result.latency_at(0.99), self.objective.slo_p99
        steady, mean = result.steady, float(result.latency.mean())
        meets = steady and (slo is None or p99 <= slo)
        score = mean if self.objective.rate is not None else 1 / rate
        return Outcome(candidate, rate, steady, mean, p99, meets, score if meets else p99)

    def saturation(self, candidate: Candidate) -> float | None:
        """Returns the highest stable rate, or None where too few requests show it."""
        settings, fit, policy = candidate.settings, candidate.fit, candidate.own_policy
        try:
            return saturation(
                lambda rate: play(settings, self.trace.scale_rate(rate), fit, policy),
                self.backlog_throughput(candidate),
            )
        except ValueError:
            return None

    def backlog_throughput(self, candidate: Candidate) -> float:
        """Returns the requests per second where all requests arrive at once."""
        trace = self.trace.with_arrivals(None)
        return play(candidate.settings, trace, candidate.fit, candidate.own_policy).throughput

    def _highest(self, candidate: Candidate, start: float) -> Outcome:
        def at(rate: float) -> Outcome:
            return self.measure_at(candidate, rate)

        outcome = at(start * FALLING[0])
        if outcome.meets:
            return _bisect(at, *_last_met(at, outcome), self.precision)
        for factor in FALLING[1:]:
            above, outcome = outcome.rate, at(start * factor)
            if outcome.meets:
                return _bisect(at, outcome, above, self.precision)
        return outcome


def _last_met(at: Callable[[float], Outcome], best: Outcome) -> tuple[Outcome, float]:
    """Returns the last outcome that meets the objective on the way up, and the rate after it."""
    for _ in range(RISES):
        following = at(best.rate * FALLING[0])
        if not following.meets:
            return best, following.rate
        best = following
    return best, best.rate


def _bisect(
    at: Callable[[float], Outcome], best: Outcome, above: float, precision: float
) -> Outcome:
    """Returns the best outcome between ``best`` and the rate ``above``, which misses."""
    while above > best.rate * (1 + precision):
        middle = at(float(np.sqrt(best.rate * above)))
        if middle.meets:
            best = middle
        else:
            above = middle.rate
    return best
