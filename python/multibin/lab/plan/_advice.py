"""What to do, in one sentence."""

from __future__ import annotations

from multibin.lab.plan._candidates import WORTH, Candidate
from multibin.lab.plan._choice import ENOUGH, Answer, gain
from multibin.lab.plan._measure import Outcome
from multibin.lab.plan._question import Objective

__all__ = ["advice", "wanted", "words"]


def advice(answer: Answer) -> str:
    """Whether bins pay, one is enough, refill is better, or nothing meets the objective."""
    if not answer.chosen.meets:
        return _nothing(answer)
    name = answer.chosen.candidate.policy.name
    if name == "refill":
        measured = _measured(answer, answer.chosen)
        return f"Only refill meets the objective, if the back-end can: {measured}."
    said = _one_bin(answer) if len(answer.chosen.candidate.edges) == 1 else _bins(answer)
    return f"{said}{_refill(answer)}."


def words(candidate: Candidate) -> str:
    """The candidate, short: policy, bins, batch size, waits."""
    bins, name = len(candidate.edges), candidate.policy.name
    kind = "levels" if candidate.placed == "feedback" else f"{candidate.placed} bins"
    parts = [name]
    if candidate.placed:
        parts.append(f"{bins} {kind}" if bins > 1 else "one bin")
    parts.append(f"batches of {candidate.batch_size}")
    if candidate.max_wait is not None:
        parts.append(f"overdue after {candidate.max_wait:g} s")
    if candidate.max_parked is not None:
        parts.append(f"at most {candidate.max_parked} parked")
    return ", ".join(parts)


def wanted(objective: Objective) -> str:
    """The objective, in words."""
    slo = "" if objective.slo_p99 is None else f"p99 ≤ {objective.slo_p99:g} s"
    if objective.rate is None:
        return f"the highest rate with {slo}"
    within = f" with {slo}" if slo else ""
    return f"the lowest mean latency{within} at {objective.rate:.4g} requests/s"


def _nothing(answer: Answer) -> str:
    objective, nearest = answer.question.objective, answer.chosen
    slo, miss = objective.slo_p99, _miss(objective, nearest)
    if objective.rate is None:
        return f"{miss}."
    if answer.highest is None:
        return f"{miss}; no lower rate would do."
    highest = answer.highest
    rate = highest.rate if slo is not None else highest.saturation or 0.0
    most = f"{rate:.4g} requests/s ({words(highest.candidate)})"
    return f"{miss}; the highest rate that would do is {most}."


def _miss(objective: Objective, nearest: Outcome) -> str:
    slo, at = objective.slo_p99, f"at {nearest.rate:.4g} requests/s"
    if slo is None or not nearest.steady:
        return f"Nothing bears {nearest.rate:.4g} requests/s"
    return (
        f"Nothing meets p99 ≤ {slo:g} s {'even ' if objective.rate is None else ''}{at}:"
        f" the nearest ({words(nearest.candidate)}) has {nearest.p99:.4g} s,"
        f" {nearest.p99 - slo:.4g} s too much"
    )


def _one_bin(answer: Answer) -> str:
    binned = answer.binned
    if binned is None:
        return "One bin is enough: there is nothing to choose with more of them"
    gained = gain(binned, answer.chosen)
    if not binned.candidate.worth:
        worth = binned.candidate.gain or 1.0
        return (
            f"One bin is enough: with these predictions bins gain {worth:.2f} × in full batches,"
            f" less than {WORTH:.2f} ×"
        )
    if gained is None:
        return f"One bin is enough: {binned.candidate.policy.name} misses the objective"
    if gained <= 1:
        return "One bin is enough: nothing with more of them does better"
    return (
        f"One bin is enough: the best of the others, {binned.candidate.policy.name}, gains"
        f" {gained - 1:.1%}, less than {ENOUGH - 1:.0%}"
    )


def _bins(answer: Answer) -> str:
    chosen, fifo = answer.chosen, answer.fifo
    name = chosen.candidate.policy.name
    pays = "Climbing pays" if name in ("climb", "climb-predicted") else "Binning pays"
    if answer.question.objective.rate is None or fifo.meets:
        return f"{pays}: {_measured(answer, chosen)} against {_measured(answer, fifo)} with one bin"
    if fifo.steady:
        return f"{pays}: one bin has a p99 of {fifo.p99:.4g} s, {name} {chosen.p99:.4g} s"
    bears = "less" if fifo.saturation is None else f"{fifo.saturation:.4g}"
    return f"{pays}: one bin bears only {bears} of the {chosen.rate:.4g} requests/s"


def _refill(answer: Answer) -> str:
    if answer.refill is None:
        return ""
    gained = gain(answer.refill, answer.chosen)
    if gained is None or gained < ENOUGH:
        return ""
    return f"; refill is better still if the back-end can: {_measured(answer, answer.refill)}"


def _measured(answer: Answer, outcome: Outcome) -> str:
    if answer.question.objective.rate is None:
        return f"{outcome.rate:.4g} requests/s" if outcome.meets else "none within the p99"
    return f"a mean of {outcome.mean:.4g} s"
