"""Chooses one candidate from the best of each policy."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from multibin.lab.compare import DRAWN, Workload
from multibin.lab.plan._measure import Outcome
from multibin.lab.plan._question import Question
from multibin.lab.plan._search import Report, order, search

__all__ = ["MIN_IMPROVEMENT", "Plan", "choose", "improvement"]

MIN_IMPROVEMENT = 1.03
"""What another policy must improve over one bin to be chosen instead."""


@dataclass(frozen=True)
class Plan:
    """The best of each policy, and the one to take."""

    question: Question
    outcomes: tuple[Outcome, ...]
    """The best of each policy, with its saturation, one bin first."""
    chosen: Outcome
    """The best of those that ``mb.Scheduler`` runs.

    It is continuous batching where that alone meets the objective, and the nearest outcome where
    none meets it."""
    played: tuple[Outcome, ...] = ()
    """All that were played on all requests."""
    highest: Outcome | None = None
    """Where none meets the objective at its rate: what meets it at the highest rate, if anything.

    Without an ``slo_p99`` it is the outcome with the highest saturation."""

    @property
    def fifo(self) -> Outcome:
        """Returns the best outcome of one bin."""
        return self.outcomes[0]

    @property
    def continuous(self) -> Outcome | None:
        """Returns the outcome of continuous batching, or None if the back-end cannot do it."""
        last = self.outcomes[-1]
        return last if last.candidate.policy.name == "continuous" else None

    @property
    def binned(self) -> Outcome | None:
        """Returns the best outcome with more than one bin, or None."""
        return min(
            (each for each in self.outcomes if len(each.candidate.edges) > 1),
            key=order,
            default=None,
        )


def improvement(outcome: Outcome, over: Outcome) -> float | None:
    """Returns how many times better an outcome is, or None unless both meet the objective."""
    return over.score / outcome.score if outcome.meets and over.meets else None


def choose(question: Question, workload: Workload, report: Report) -> Plan:
    """Searches, and chooses the best; one bin if nothing improves it by ``MIN_IMPROVEMENT``.

    Args:
        question: what is asked.
        workload: the requests, with ``stationary`` ones.
        report: is called with a line of text before each run.
    """
    found = search(question, workload, report)
    plan = Plan(question, tuple(found.best), _best(found.best), tuple(found.played))
    if plan.chosen.meets or question.objective.rate is None:
        return plan
    if question.objective.slo_p99 is None:
        return replace(plan, highest=_stablest(found.best))
    return replace(plan, highest=_highest(question, workload, report))


def _best(outcomes: Sequence[Outcome]) -> Outcome:
    batches = [each for each in outcomes if each.candidate.policy.name != "continuous"]
    best = min(batches, key=order)
    if not best.meets:
        best = min(outcomes, key=order)
        return best if best.steady else _stablest(outcomes)
    improved = improvement(best, outcomes[0])
    return outcomes[0] if improved is not None and improved < MIN_IMPROVEMENT else best


def _stablest(outcomes: Sequence[Outcome]) -> Outcome:
    """Returns what sustains the highest rate; one bin if none adds ``MIN_IMPROVEMENT``."""
    gaining = [each for each in outcomes if each.candidate.gains_enough]
    best = max(gaining, key=lambda each: each.saturation or 0.0)
    sustains = (best.saturation or 0.0) >= MIN_IMPROVEMENT * (outcomes[0].saturation or 0.0)
    return best if sustains else outcomes[0]


def _highest(question: Question, workload: Workload, report: Report) -> Outcome | None:
    """Returns what meets the objective at the highest rate, on at most ``DRAWN`` requests."""
    assert workload.stationary is not None
    fewer = replace(workload, stationary=workload.stationary[:DRAWN].to_rate(1.0))
    objective = replace(question.objective, rate=None)
    best = _best(search(replace(question, objective=objective), fewer, report).best)
    return best if best.meets else None
