"""From all candidates to the best of each policy: few requests first, all of them at the end."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from multibin.lab.compare import Workload
from multibin.lab.compare._workloads import SEARCHED
from multibin.lab.plan._candidates import Candidate, candidates
from multibin.lab.plan._measure import Field, Outcome
from multibin.lab.plan._question import PLANNED, Question

__all__ = ["Found", "Report", "order", "search"]

SCREENED = 20_000
"""Requests of the first run of every candidate."""

FINALISTS = 3
"""Candidates of each policy that are played on all requests."""

WAITS = (1 / 8, 1 / 4, 1 / 2)
"""``max_wait`` that the best strict and elastic bins are tried with, × the objective's p99, or
their own."""

Report = Callable[[str], object]


@dataclass(frozen=True)
class Found:
    """Played on all requests."""

    best: list[Outcome]
    """One of each policy, with its saturation, in the order of ``PLANNED``."""
    played: list[Outcome]
    """All that got so far."""


def search(question: Question, load: Workload, report: Report) -> Found:
    """Plays the candidates on ``load.stationary``. ``report`` is told what is being played."""
    assert load.stationary is not None
    short = load.stationary[:SCREENED].to_rate(1.0)
    few = Field(question.objective, short, precision=0.02)
    every = Field(question.objective, load.stationary, precision=0.005)
    finalists = _finalists(few, _screen(few, candidates(question, load), report))
    confirmed = []
    for number, outcome in enumerate(finalists, 1):
        report(f"confirming {number} of {len(finalists)}: {outcome.candidate.policy.name}")
        start = outcome.rate if outcome.meets else None
        confirmed.append(every.measure(outcome.candidate, start))
    confirmed += _waits(every, _best(confirmed), report)
    searched = replace(every, trace=load.stationary[:SEARCHED].to_rate(1.0))
    return Found(_with_saturation(searched, _best(confirmed), report), confirmed)


def order(outcome: Outcome) -> tuple[bool, bool, bool, float]:
    """The lower the better: what meets the objective, then the steady; each time bins that are
    worth it first.
    """
    return (not outcome.meets, not outcome.steady, not outcome.candidate.worth, outcome.cost)


def _screen(field: Field, pool: Sequence[Candidate], report: Report) -> list[Outcome]:
    outcomes = []
    for number, candidate in enumerate(pool, 1):
        report(f"screening {number} of {len(pool)}: {candidate.policy.name}")
        outcomes.append(field.measure(candidate))
    return outcomes


def _finalists(field: Field, screened: Sequence[Outcome]) -> list[Outcome]:
    """The best, and of each policy the one that serves a backlog the fastest: few requests may not
    show that a backlog grows.
    """
    fastest = [max(of, key=lambda each: field.backlogged(each.candidate)) for of in _by(screened)]
    return list({id(each): each for each in [*_best(screened, FINALISTS), *fastest]}.values())


def _by(outcomes: Sequence[Outcome]) -> list[list[Outcome]]:
    """Those of each policy, in the order of ``PLANNED``."""
    groups = [[each for each in outcomes if each.candidate.policy.name == name] for name in PLANNED]
    return [group for group in groups if group]


def _best(outcomes: Sequence[Outcome], count: int = 1) -> list[Outcome]:
    """The first ``count`` of each policy."""
    return [each for group in _by(outcomes) for each in sorted(group, key=order)[:count]]


def _waits(field: Field, best: Sequence[Outcome], report: Report) -> list[Outcome]:
    outcomes = []
    for outcome in best:
        if outcome.candidate.policy.name not in ("strict", "elastic") or not outcome.steady:
            continue
        longest = field.objective.slo_p99 or outcome.p99
        for share in WAITS:
            wait = float(f"{share * longest:.3g}")
            report(f"waits: {outcome.candidate.policy.name}, at most {wait:g} s")
            candidate = replace(outcome.candidate, max_wait=wait)
            outcomes.append(field.measure(candidate, outcome.rate if outcome.meets else None))
    return outcomes


def _with_saturation(field: Field, best: Sequence[Outcome], report: Report) -> list[Outcome]:
    found = []
    for outcome in best:
        report(f"saturation: {outcome.candidate.policy.name}")
        found.append(replace(outcome, saturation=field.saturation(outcome.candidate)))
    return found
