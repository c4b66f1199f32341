"""Narrows all candidates to the best of each policy: few requests first, all of them at the end."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from multibin.lab.plan._candidates import Candidate, candidates
from multibin.lab.plan._load import Load
from multibin.lab.plan._measure import Experiment, Outcome
from multibin.lab.plan._question import CLIMBING, PLANNED, Question

__all__ = ["Found", "Report", "best_of_each", "order", "search"]

CONFIRMED = 100_000
"""Requests on which the best of each policy is found; it is then played on all."""

FINALISTS = 3
"""Candidates of each policy that are played on more than few requests; 1 in a quick search."""

WAITS = (1 / 8, 1 / 4, 1 / 2)
"""``max_wait`` that the best strict and elastic bins are tried with, × the objective's p99.

Without an ``slo_p99`` it is × their own p99."""

PARKED = (1, 1 / 2, 1 / 4)
"""``max_parked`` that climbers are tried with, × the rows that the KV cache has room for."""

ALIKE = 1.005
"""Means or rates, p99s and KV tokens up to this ratio apart are no difference of batch sizes."""

FASTER = 1.01
"""What a wider batch must gain on a backlog to be chosen among those that show no difference."""

DESCENTS = 5
"""Lower rates that are tried on all requests, before the search begins again."""

Report = Callable[[str], object]
"""Takes a line of text about what is played."""


@dataclass(frozen=True)
class Found:
    """Outcomes on all requests."""

    best: list[Outcome]
    """The best of each policy, in the order of ``PLANNED``."""
    played: list[Outcome]
    """All that were played on ``CONFIRMED`` requests or more."""


def search(question: Question, load: Load, report: Report) -> Found:
    """Plays the candidates on the load; calls ``report`` before each run.

    >>> from multibin.lab.compare import Settings
    >>> from multibin.lab.plan import Objective, Question, load, search
    >>> from multibin.lab.traces import arrivals, chat
    >>> trace = chat(2000, seed=0).with_arrivals(arrivals.poisson(2000, rate=0.5, seed=1))
    >>> settings = Settings("chat")
    >>> question = Question(settings, Objective(0.5), batch_sizes=(8,), bins=(1,), climbing=False)
    >>> lines = []
    >>> found = search(question, load(question, trace), lines.append)
    >>> lines[0], found.best[0].candidate.description
    ('screening 1 of 3: fifo', 'fifo, batches of up to 8')
    """
    screening = Experiment(question, load.short, 0.02, load.own)
    final = Experiment(question, load.base, 0.01, load.own)
    confirming = replace(final, trace=load.part(CONFIRMED), precision=0.005)
    screened = _screen(screening, candidates(question, load), report)
    finalists = _finalists(screening, screened)
    confirmed = []
    for number, outcome in enumerate(finalists, 1):
        report(f"confirming {number} of {len(finalists)}: {outcome.candidate.policy.name}")
        start = outcome.rate if outcome.meets else None
        confirmed.append(confirming.measure(outcome.candidate, start))
    if not question.quick:
        confirmed += _waits(confirming, best_of_each(confirmed), report)
    confirmed += _parking(confirming, best_of_each(confirmed), report)
    confirmed += _smaller(confirming, best_of_each(confirmed), screened, report)
    best = [_roomiest(screening, each, confirmed) for each in best_of_each(confirmed)]
    if len(load.base) > CONFIRMED:
        best = _all_requests(final, best, report)
    return Found(best, confirmed)


def _smaller(
    experiment: Experiment, best: Sequence[Outcome], screened: Sequence[Outcome], report: Report
) -> list[Outcome]:
    """Tries smaller and smaller batches of the policies whose caches do not fit.

    Few requests may not show how much memory all of them take.
    """
    outcomes = []
    for outcome in best:
        size, name, fits = outcome.candidate.batch_size, outcome.candidate.policy.name, outcome.fits
        same = [each for each in screened if each.candidate.policy.name == name]
        sizes = {each.candidate.batch_size for each in same if each.candidate.batch_size < size}
        for rows in sorted(sizes, reverse=True):
            if fits:
                break
            report(f"memory: {name}, batches of {rows}")
            smaller = min((each for each in same if each.candidate.batch_size == rows), key=order)
            outcomes.append(experiment.measure(smaller.candidate))
            fits = outcomes[-1].fits
    return outcomes


def _roomiest(experiment: Experiment, best: Outcome, played: Sequence[Outcome]) -> Outcome:
    """Returns what serves a backlog the fastest among what does as well: it has more headroom.

    Batches that never fill do the same at any size. Memory must hold the caches of the backlog.
    """
    name = best.candidate.policy.name
    alike = [each for each in played if each.candidate.policy.name == name and _alike(each, best)]
    if not best.meets or len(alike) == 1:
        return best
    throughput, found = experiment.backlog_throughput(best.candidate), best
    for each in sorted(alike, key=lambda each: each.candidate.batch_size):
        faster = experiment.backlog_throughput(each.candidate)
        if faster > FASTER * throughput and experiment.holds_backlog(each.candidate):
            throughput, found = faster, each
    return found


def _alike(outcome: Outcome, best: Outcome) -> bool:
    return (
        outcome.meets
        and outcome.candidate.gains_enough >= best.candidate.gains_enough
        and outcome.score <= ALIKE * best.score
        and outcome.p99 <= ALIKE * best.p99
        and outcome.figures.tokens <= ALIKE * best.figures.tokens
    )


def _all_requests(experiment: Experiment, best: Sequence[Outcome], report: Report) -> list[Outcome]:
    outcomes = []
    for outcome in best:
        report(f"all requests: {outcome.candidate.policy.name}")
        outcomes.append(_again(experiment, outcome))
    return outcomes


def _again(experiment: Experiment, outcome: Outcome) -> Outcome:
    """Plays a candidate at the rate that was found, or at the first one below it that meets."""
    played = experiment.measure_at(outcome.candidate, outcome.rate)
    if experiment.question.objective.rate is not None or not outcome.meets:
        return played
    for _ in range(DESCENTS):
        if played.meets:
            return played
        lower = played.rate * (1 - experiment.precision)
        played = experiment.measure_at(outcome.candidate, lower)
    return played if played.meets else experiment.measure(outcome.candidate, played.rate)


def order(outcome: Outcome) -> tuple[bool, float, float, bool, bool, float]:
    """Returns the sort key, lowest first.

    What meets the objective comes first. Then come what fits, or nearly, what keeps its bounds, or
    nearly, what is steady, gains enough, scores low.
    """
    return (
        not outcome.meets,
        outcome.crowding,
        outcome.excess,
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
    count = 1 if experiment.question.quick else FINALISTS
    return list({id(each): each for each in [*best_of_each(screened, count), *fastest]}.values())


def _by_policy(outcomes: Sequence[Outcome]) -> list[list[Outcome]]:
    """Returns the outcomes of each policy, in the order of ``PLANNED``."""
    groups = [[each for each in outcomes if each.candidate.policy.name == name] for name in PLANNED]
    return [group for group in groups if group]


def best_of_each(outcomes: Sequence[Outcome], count: int = 1) -> list[Outcome]:
    """Returns the first ``count`` outcomes of each policy."""
    return [each for group in _by_policy(outcomes) for each in sorted(group, key=order)[:count]]


def _waits(experiment: Experiment, best: Sequence[Outcome], report: Report) -> list[Outcome]:
    outcomes = []
    for outcome in best:
        if outcome.candidate.policy.name not in ("strict", "elastic") or not outcome.steady:
            continue
        longest = experiment.question.objective.slo_p99 or outcome.p99
        for share in WAITS:
            wait = float(f"{share * longest:.3g}")
            report(f"waits: {outcome.candidate.policy.name}, at most {wait:g} s")
            candidate = replace(outcome.candidate, max_wait=wait)
            start = outcome.rate if outcome.meets else None
            outcomes.append(experiment.measure(candidate, start))
    return outcomes


def _parking(experiment: Experiment, best: Sequence[Outcome], report: Report) -> list[Outcome]:
    """Tries climbers with fewer rows that wait with their state, where the KV cache is bounded."""
    outcomes: list[Outcome] = []
    room = experiment.question.kv_tokens
    for outcome in best:
        climbs = outcome.candidate.policy.name in CLIMBING
        if room is None or not climbs or not outcome.figures.parked:
            continue
        rows = room * outcome.figures.rows / outcome.figures.tokens - outcome.candidate.batch_size
        for parked in sorted({int(share * rows) for share in PARKED}):
            if parked >= 1:
                report(f"memory: {outcome.candidate.policy.name}, at most {parked} parked")
                candidate = replace(outcome.candidate, max_parked=parked)
                outcomes.append(experiment.measure(candidate))
    return outcomes
