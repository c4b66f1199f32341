"""Takes one plan from the best of each policy."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from multibin.lab.compare import Workload
from multibin.lab.compare._workloads import DRAWN
from multibin.lab.plan._measure import Outcome
from multibin.lab.plan._question import Question
from multibin.lab.plan._search import Report, order, search

__all__ = ["ENOUGH", "Answer", "choose"]

ENOUGH = 1.03
"""What other policies must gain over one bin to be chosen instead."""


@dataclass(frozen=True)
class Answer:
    """The best of each policy, and the one to take."""

    question: Question
    outcomes: tuple[Outcome, ...]
    chosen: Outcome
    """The best of those that ``mb.Scheduler`` runs; refill where it alone meets the objective; the
    nearest where none does."""
    played: tuple[Outcome, ...] = ()
    """All that were played on all requests."""
    highest: Outcome | None = None
    """Where none meets the objective at its rate: what meets it at the highest rate, if anything
    does; without an ``slo_p99`` what has the highest saturation."""

    @property
    def fifo(self) -> Outcome:
        """The best one bin."""
        return self.outcomes[0]

    @property
    def refill(self) -> Outcome | None:
        """Continuous batching, unless the back-end cannot."""
        last = self.outcomes[-1]
        return last if last.candidate.policy.name == "refill" else None

    @property
    def binned(self) -> Outcome | None:
        """The best plan with more than one bin."""
        return min(
            (each for each in self.outcomes if len(each.candidate.edges) > 1),
            key=order,
            default=None,
        )


def gain(outcome: Outcome, over: Outcome) -> float | None:
    """How many times better by the objective; None unless both meet it."""
    return over.cost / outcome.cost if outcome.meets and over.meets else None


def choose(question: Question, load: Workload, report: Report) -> Answer:
    """Searches, and takes the best; one bin if nothing is better by ``ENOUGH``."""
    found = search(question, load, report)
    answer = Answer(question, tuple(found.best), _best(found.best), tuple(found.played))
    if answer.chosen.meets or question.objective.rate is None:
        return answer
    if question.objective.slo_p99 is None:
        return replace(answer, highest=_stablest(found.best))
    return replace(answer, highest=_highest(question, load, report))


def _best(outcomes: Sequence[Outcome]) -> Outcome:
    batches = [each for each in outcomes if each.candidate.policy.name != "refill"]
    best = min(batches, key=order)
    if not best.meets:
        best = min(outcomes, key=order)
        return best if best.steady else _stablest(outcomes)
    gained = gain(best, outcomes[0])
    return outcomes[0] if gained is not None and gained < ENOUGH else best


def _stablest(outcomes: Sequence[Outcome]) -> Outcome:
    """What bears the highest rate; one bin if nothing bears more by ``ENOUGH``."""
    worth = [each for each in outcomes if each.candidate.worth]
    best = max(worth, key=lambda each: each.saturation or 0.0)
    bears = (best.saturation or 0.0) >= ENOUGH * (outcomes[0].saturation or 0.0)
    return best if bears else outcomes[0]


def _highest(question: Question, load: Workload, report: Report) -> Outcome | None:
    """What meets the objective at the highest rate, on at most ``DRAWN`` requests."""
    assert load.stationary is not None
    fewer = replace(load, stationary=load.stationary[:DRAWN].to_rate(1.0))
    objective = replace(question.objective, rate=None)
    best = _best(search(replace(question, objective=objective), fewer, report).best)
    return best if best.meets else None
