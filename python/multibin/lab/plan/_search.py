"""Narrows all candidates to the best of each policy: few requests first, all of them at the end."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from multibin.lab.compare import SEARCHED, Workload
from multibin.lab.plan._candidates import Candidate, candidates
from multibin.lab.plan._measure import Experiment, Outcome
from multibin.lab.plan._question import PLANNED, Question

__all__ = ["Found", "Report", "order", "search"]

SCREENED = 20_000
"""Requests of the first run of every candidate."""

FINALISTS = 3
"""Candidates of each policy that are played on all requests."""

WAITS = (1 / 8, 1 / 4, 1 / 2)
"""``max_wait`` that the best strict and elastic bins are tried with, × the objective's p99.

Without an ``slo_p99`` it is × their own p99."""

Report = Callable[[str], object]
"""Takes a line of text about what is played."""


@dataclass(frozen=True)
class Found:
    """Outcomes on all requests."""

    best: list[Outcome]
    """The best of each policy, with its saturation, in the order of ``PLANNED``."""
    played: list[Outcome]
    """All that were played on all requests."""


def search(question: Question, workload: Workload, report: Report) -> Found:
    """Plays the candidates on ``workload.stationary``; calls ``report`` before each run."""
    assert workload.stationary is not None
    short = workload.stationary[:SCREENED].to_rate(1.0)
    screening = Experiment(question.objective, short, precision=0.02)
    final = Experiment(question.objective, workload.stationary, precision=0.005)
    finalists = _finalists(screening, _screen(screening, candidates(question, workload), report))
    confirmed = []
    for number, outcome in enumerate(finalists, 1):
        report(f"confirming {number} of {len(finalists)}: {outcome.candidate.policy.name}")
        start = outcome.rate if outcome.meets else None
        confirmed.append(final.measure(outcome.candidate, start))
    confirmed += _waits(final, _best(confirmed), report)
    searched = replace(final, trace=workload.stationary[:SEARCHED].to_rate(1.0))
    return Found(_with_saturation(searched, _best(confirmed), report), confirmed)


def order(outcome: Outcome) -> tuple[bool, bool, bool, float]:
    """Returns the sort key, lowest first: meets the objective, steady, gains enough, low score."""
    return (
        not outcome.meets,
        not outcome.steady,
        not outcome.candidate.gains_enough,
        outcome.score,
    )


def _screen(experiment: Experiment, pool: Sequence[Candidate], report: Report) -> list[Outcome]:
    outcomes = []
    for number, candidate in enumerate(pool, 1):
        report(f"screening {number} of {len(pool)}: {candidate.policy.name}")
        outcomes.append(experiment.measure(candidate))
    return outcomes


def _finalists(experiment: Experiment, screened: Sequence[Outcome]) -> list[Outcome]:
    """Returns the best of each policy, and the one that serves a backlog the fastest.

    Few requests may not show that a backlog grows.
    """
    fastest = [
        max(group, key=lambda each: experiment.backlog_throughput(each.candidate))
        for group in _by_policy(screened)
    ]
    return list({id(each): each for each in [*_best(screened, FINALISTS), *fastest]}.values())


def _by_policy(outcomes: Sequence[Outcome]) -> list[list[Outcome]]:
    """Returns the outcomes of each policy, in the order of ``PLANNED``."""
    groups = [[each for each in outcomes if each.candidate.policy.name == name] for name in PLANNED]
    return [group for group in groups if group]


def _best(outcomes: Sequence[Outcome], count: int = 1) -> list[Outcome]:
    """Returns the first ``count`` outcomes of each policy."""
    return [each for group in _by_policy(outcomes) for each in sorted(group, key=order)[:count]]


def _waits(experiment: Experiment, best: Sequence[Outcome], report: Report) -> list[Outcome]:
    outcomes = []
    for outcome in best:
        if outcome.candidate.policy.name not in ("strict", "elastic") or not outcome.steady:
            continue
        longest = experiment.objective.slo_p99 or outcome.p99
        for share in WAITS:
            wait = float(f"{share * longest:.3g}")
            report(f"waits: {outcome.candidate.policy.name}, at most {wait:g} s")
            candidate = replace(outcome.candidate, max_wait=wait)
            start = outcome.rate if outcome.meets else None
            outcomes.append(experiment.measure(candidate, start))
    return outcomes


def _with_saturation(
    experiment: Experiment, best: Sequence[Outcome], report: Report
) -> list[Outcome]:
    found = []
    for outcome in best:
        report(f"saturation: {outcome.candidate.policy.name}")
        found.append(replace(outcome, saturation=experiment.saturation(outcome.candidate)))
    return found
