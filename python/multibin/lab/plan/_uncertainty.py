"""Plays the best plans on other stretches of the load, and says what varies between them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields, replace

import numpy as np

from multibin.lab.plan._estimate import Estimate, estimate
from multibin.lab.plan._figures import Figures
from multibin.lab.plan._load import Load
from multibin.lab.plan._measure import Experiment, Outcome
from multibin.lab.plan._question import Question
from multibin.lab.plan._stretches import thinned

__all__ = ["below_saturation", "with_estimates", "with_saturation"]

SEARCH_PRECISION = 0.02
"""Relative width at which a replicate's search for the highest rate ends."""

SATURATION_PRECISION = 0.003
"""Relative width at which a search for the highest stable rate ends."""

SATURATIONS = 4
"""Searches of the highest stable rate, each on requests of its own."""


@dataclass(frozen=True)
class _Effort:
    """How many stretches are played, and how many requests of them."""

    replicates: int
    played: int
    """At a rate."""
    searched: int
    """In each step of a search for the highest rate."""

    @classmethod
    def of(cls, question: Question) -> _Effort:
        return cls(8, 20_000, 6_000) if question.quick else cls(12, 100_000, 20_000)


def with_estimates(
    question: Question, load: Load, outcomes: Sequence[Outcome], report: Callable[[str], object]
) -> list[Outcome]:
    """Returns the outcomes with the intervals of their figures, and with scores for comparisons.

    All outcomes are played on the same stretches. A stretch of fewer requests than the load varies
    more: distances are scaled by the root of the share.
    """
    effort, found = _Effort.of(question), [_Replicates() for _ in outcomes]
    for number in range(effort.replicates):
        report(f"uncertainty: stretch {number + 1} of {effort.replicates}")
        stretch = load.replicate(number)
        played = Experiment(question, thinned(stretch, effort.played), SEARCH_PRECISION, load.own)
        searched = replace(played, trace=thinned(stretch, effort.searched))
        for outcome, replicates in zip(outcomes, found, strict=True):
            replicates.add(outcome, played, searched)
    size = len(load.base)
    return [
        each.summary(outcome, effort, size) for outcome, each in zip(outcomes, found, strict=True)
    ]


class _Replicates:
    """What came of one outcome's candidate on each stretch."""

    def __init__(self) -> None:
        self.figures: list[Figures] = []
        self.kept: list[bool] = []
        self.rates: list[float] = []

    def add(self, outcome: Outcome, played: Experiment, searched: Experiment) -> None:
        """Plays the candidate at its rate, and searches the highest one if the outcome has that."""
        found = played.measure_at(outcome.candidate, outcome.rate)
        self.figures.append(found.figures)
        self.kept.append(found.within_bounds)
        if played.question.objective.rate is None and outcome.meets:
            best = searched.measure(outcome.candidate, outcome.rate)
            self.rates.append(best.rate if best.meets else np.nan)

    def summary(self, outcome: Outcome, effort: _Effort, size: int) -> Outcome:
        shrink = min(1.0, effort.played / size) ** 0.5
        estimates = {
            each.name: estimate(
                getattr(outcome.figures, each.name),
                _drawn_in(outcome.figures, self.figures, each.name, shrink),
            )
            for each in fields(Figures)
        }
        # No more than all requests keep the bounds, and a batch has no more rows than it may.
        estimates["within"] = estimates["within"].at_most(1.0)
        if not outcome.figures.parked:
            estimates["rows"] = estimates["rows"].at_most(outcome.candidate.batch_size)
        kept = f"{sum(self.kept)} of {len(self.kept)}"
        outcome = replace(outcome, kept=kept)
        if not self.rates:
            scores = tuple(each.mean for each in self.figures)
            return replace(outcome, estimates=estimates, scores=scores)
        shrink = min(1.0, effort.searched / size) ** 0.5
        rates = _nearer(outcome.rate, self.rates, shrink)
        estimates["rate"] = estimate(outcome.rate, rates)
        return replace(outcome, estimates=estimates, scores=tuple(1 / each for each in rates))


def _drawn_in(
    figures: Figures, replicates: Sequence[Figures], name: str, shrink: float
) -> list[float]:
    return _nearer(getattr(figures, name), [getattr(each, name) for each in replicates], shrink)


def _nearer(value: float, replicates: Sequence[float], shrink: float) -> list[float]:
    """Returns the replicates at ``shrink`` × their distance from the value, by ratios."""
    if not value > 0:
        return list(replicates)
    return [value * (each / value) ** shrink if each > 0 else each for each in replicates]


def with_saturation(
    question: Question, load: Load, outcomes: Sequence[Outcome], report: Callable[[str], object]
) -> list[Outcome]:
    """Returns the outcomes with their highest stable rates, for drawn arrivals."""
    stretches = [load.stationary(number) for number in range(SATURATIONS)]
    found = []
    for outcome in outcomes:
        report(f"saturation: {outcome.candidate.policy.name}")
        rates = [
            Experiment(question, stretch, SATURATION_PRECISION).saturation(outcome.candidate)
            for stretch in stretches
        ]
        found.append(replace(outcome, saturation=_mean([rate for rate in rates if rate])))
    return found


def below_saturation(
    question: Question, load: Load, outcomes: Sequence[Outcome], report: Callable[[str], object]
) -> list[Outcome]:
    """Returns the outcomes without those that a longer run would show to be unstable.

    A few requests end before their backlog shows. So a rate above the highest stable one is not
    steady; a rate that was searched is played again at the highest stable one.
    """
    found = []
    for outcome in outcomes:
        top = outcome.saturation
        if top is None or outcome.rate <= top.value or not outcome.steady:
            found.append(outcome)
        elif question.objective.rate is None:
            report(f"saturation: {outcome.candidate.policy.name} at {top.value:.4g} requests/s")
            experiment = Experiment(question, load.base, SEARCH_PRECISION, load.own)
            again = experiment.measure_at(outcome.candidate, top.value)
            found.append(replace(again, saturation=top))
        else:
            above = outcome.rate > (top.high or top.value)
            found.append(replace(outcome, steady=False, meets=False) if above else outcome)
    return found


def _mean(rates: Sequence[float]) -> Estimate | None:
    """Returns the geometric mean of the rates with its interval, or None without a rate."""
    if not rates:
        return None
    return estimate(float(np.exp(np.mean(np.log(rates)))), rates)
