"""Plays a candidate: at a rate, or at the highest rate that meets the objective."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np

import multibin as mb
from multibin.lab.compare import is_steady, play, saturation
from multibin.lab.plan._candidates import Candidate
from multibin.lab.plan._estimate import Estimate
from multibin.lab.plan._figures import Figures, measured
from multibin.lab.plan._question import Question
from multibin.lab.traces import Trace

__all__ = ["BOUNDED", "Experiment", "Outcome"]

FALLING = (1.08, 1.0, 0.93, 0.8, 0.5, 0.2, 0.02)
"""Rates at which the search looks for one that meets the objective, × its start.

It begins at the top, as strict bins miss the objective at low rates, too."""

RISES = 40
"""Times that the search goes up by the first of them."""

BOUNDED = {"latency": "p99", "ttft": "ttft_p99", "tpot": "tpot_p99"}
"""The figure that a bound of the objective is for."""


@dataclass(frozen=True)
class Outcome:
    """What came of a candidate. Units are seconds, and requests per second."""

    candidate: Candidate
    rate: float
    """The rate at which it was played."""
    steady: bool
    """The backlog does not grow, or the servers catch up with it."""
    figures: Figures
    crowding: float
    """KV tokens ÷ those of the budget; 1 where they fit, or there is no budget."""
    meets: bool
    """It is steady, fits, and keeps every bound of the objective."""
    score: float
    """What the objective wants low: the mean, or seconds per request at the highest rate.

    It is the mean where the objective is missed."""
    excess: float
    """Figure ÷ bound of the bound that is missed the most; 1 where all are kept."""
    saturation: Estimate | None = None
    """The highest stable rate; None if it was not searched, or not found."""
    estimates: Mapping[str, Estimate] = field(default_factory=dict)
    """The rate and the figures with their intervals, by name; empty until replicates ran."""
    kept: str | None = None
    """The replicates in which it keeps the bounds at its rate, as "7 of 12"; None before them."""
    scores: tuple[float, ...] = ()
    """The score on each replicate, NaN where that misses the objective of the highest rate."""

    @property
    def mean(self) -> float:
        """Returns the mean latency from arrival to answer, after the warm-up."""
        return self.figures.mean

    @property
    def p99(self) -> float:
        """Returns the 99 % quantile of the latency."""
        return self.figures.p99

    @property
    def fits(self) -> bool:
        """Returns whether the caches fit into the budget of the KV cache, if there is one."""
        return self.crowding <= 1

    @property
    def within_bounds(self) -> bool:
        """Returns whether it keeps every bound of the objective, steady or not."""
        return self.excess <= 1

    @property
    def headroom(self) -> float | None:
        """Returns saturation over rate."""
        return None if self.saturation is None else self.saturation.value / self.rate

    def estimated(self, name: str) -> Estimate:
        """Returns a figure, or the ``rate``, with its interval if that is known."""
        known = self.estimates.get(name)
        if known is not None:
            return known
        return Estimate(self.rate if name == "rate" else float(getattr(self.figures, name)))


@dataclass(frozen=True, eq=False)
class Experiment:
    """Requests that arrive at about 1 per second, to play candidates on, and what is asked."""

    question: Question
    trace: Trace
    precision: float
    """Relative width at which the search for the highest rate ends."""
    own: bool = False
    """The requests come at a trace's own times: a burst at the end is no growing backlog."""

    def measure(self, candidate: Candidate, start: float | None = None) -> Outcome:
        """Plays a candidate at the objective's rate.

        Without one it plays at the highest rate that meets the objective. Where none does, it plays
        at the lowest that was tried. ``start`` is a rate of the right order.
        """
        rate = self.question.objective.rate
        if rate is not None:
            return self.measure_at(candidate, rate)
        return self._highest(candidate, start or self.backlog_throughput(candidate))

    def measure_at(self, candidate: Candidate, rate: float) -> Outcome:
        """Plays a candidate at a rate, in requests per second."""
        objective, trace = self.question.objective, self.trace.scale_rate(rate)
        records = self._play(candidate, trace)
        skipped = int(candidate.settings.warm_up * len(trace))
        found = measured(records, trace, skipped, objective.bounds)
        steady = is_steady(records) or (self.own and _keeps_up(records, _in_hand(candidate)))
        room = self.question.kv_tokens
        crowding = 1.0 if room is None else max(1.0, found.tokens / room)
        excess = _excess(found, objective.bounds)
        meets = steady and crowding <= 1 and excess <= 1
        score = 1 / rate if meets and objective.rate is None else found.mean
        return Outcome(candidate, rate, steady, found, crowding, meets, score, excess)

    def saturation(self, candidate: Candidate) -> float | None:
        """Returns the highest stable rate, or None where too few requests show it."""
        try:
            return saturation(
                lambda rate: self._play(candidate, self.trace.scale_rate(rate)),
                self.backlog_throughput(candidate),
                self.precision,
            )
        except ValueError:
            return None

    def backlog_throughput(self, candidate: Candidate) -> float:
        """Returns the requests per second where all requests arrive at once."""
        return self._play(candidate, self.trace.with_arrivals(None)).throughput

    def holds_backlog(self, candidate: Candidate) -> bool:
        """Returns whether the caches fit into memory where all requests arrive at once."""
        room = self.question.kv_tokens
        if room is None:
            return True
        records = self._play(candidate, self.trace.with_arrivals(None))
        return float(records.batches.resident_tokens.max(initial=0)) <= room

    def _play(self, candidate: Candidate, trace: Trace) -> mb.Records:
        return play(candidate.settings, trace, candidate.fit, candidate.own_policy)

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


def _excess(found: Figures, bounds: Mapping[str, float]) -> float:
    """Returns the largest of figure ÷ bound, 1 at least."""
    figures = [(getattr(found, BOUNDED[name]), bound) for name, bound in bounds.items()]
    return max([1.0, *(value / bound for value, bound in figures if np.isfinite(value))])


def _in_hand(candidate: Candidate) -> int:
    """Returns the requests that servers may have without being late: a batch, and one a bin."""
    settings = candidate.settings
    return settings.servers * candidate.batch_size * (1 + len(candidate.edges))


def _keeps_up(records: mb.Records, in_hand: int) -> bool:
    """Returns whether a trace ends with few unanswered, or all were answered late in its time.

    Late is when a request of the last quarter finds all others answered: so a burst at the end is
    no growing backlog.
    """
    arrival = records.arrival
    waiting = len(arrival) - int((records.finish <= arrival[-1]).sum())
    if waiting <= in_hand:
        return True
    late = np.flatnonzero(arrival >= arrival[0] + 0.75 * (arrival[-1] - arrival[0]))
    finish = np.sort(np.nan_to_num(records.finish, nan=np.inf))
    return bool((np.searchsorted(finish, arrival[late], side="right") >= late).any())


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
