"""Says what to do, and why, in one sentence."""

from __future__ import annotations

from multibin.lab.plan._candidates import MIN_GAIN
from multibin.lab.plan._choice import MIN_IMPROVEMENT, Plan, improvement
from multibin.lab.plan._measure import Outcome
from multibin.lab.plan._question import CLIMBING, Objective

__all__ = ["advice"]


def advice(plan: Plan) -> str:
    """Returns a sentence: bins pay, one is enough, continuous batching is better, or none."""
    if not plan.chosen.meets:
        return _nothing(plan)
    if plan.chosen.candidate.policy.name == "continuous":
        measured = _measured(plan, plan.chosen)
        return (
            "Only continuous batching meets the objective, if the back-end supports it:"
            f" {measured}."
        )
    single = len(plan.chosen.candidate.edges) == 1
    return f"{_one_bin(plan) if single else _bins(plan)}{_continuous(plan)}."


def _nothing(plan: Plan) -> str:
    objective, nearest = plan.question.objective, plan.chosen
    slo, miss = objective.slo_p99, _miss(objective, nearest)
    if objective.rate is None:
        return f"{miss}."
    if plan.highest is None:
        return f"{miss}; no lower rate would do."
    highest = plan.highest
    rate = highest.rate if slo is not None else highest.saturation or 0.0
    most = f"{rate:.4g} requests/s ({highest.candidate.description})"
    return f"{miss}; the highest rate that would do is {most}."


def _miss(objective: Objective, nearest: Outcome) -> str:
    slo, at = objective.slo_p99, f"at {nearest.rate:.4g} requests/s"
    if slo is None or not nearest.steady:
        return f"Nothing sustains {nearest.rate:.4g} requests/s"
    return (
        f"Nothing meets p99 ≤ {slo:g} s {'even ' if objective.rate is None else ''}{at}:"
        f" the nearest ({nearest.candidate.description}) has {nearest.p99:.4g} s,"
        f" {nearest.p99 - slo:.4g} s too much"
    )


def _one_bin(plan: Plan) -> str:
    binned = plan.binned
    if binned is None:
        return "One bin is enough: there is nothing to choose with more of them"
    improved, name = improvement(binned, plan.chosen), binned.candidate.policy.name
    if not binned.candidate.gains_enough:
        gain = binned.candidate.gain or 1.0
        return (
            f"One bin is enough: with these predictions bins gain {gain:.2f} × in full batches,"
            f" less than {MIN_GAIN:.2f} ×"
        )
    if improved is None:
        return f"One bin is enough: {name} misses the objective"
    if improved <= 1:
        return "One bin is enough: nothing with more of them does better"
    return (
        f"One bin is enough: the best of the others, {name}, gains"
        f" {improved - 1:.1%}, less than {MIN_IMPROVEMENT - 1:.0%}"
    )


def _bins(plan: Plan) -> str:
    chosen, fifo = plan.chosen, plan.fifo
    name = chosen.candidate.policy.name
    pays = "Climbing pays" if name in CLIMBING else "Binning pays"
    if plan.question.objective.rate is None or fifo.meets:
        return f"{pays}: {_measured(plan, chosen)} against {_measured(plan, fifo)} with one bin"
    if fifo.steady:
        return f"{pays}: one bin has a p99 of {fifo.p99:.4g} s, {name} {chosen.p99:.4g} s"
    sustained = "less" if fifo.saturation is None else f"{fifo.saturation:.4g}"
    return f"{pays}: one bin sustains only {sustained} of the {chosen.rate:.4g} requests/s"


def _continuous(plan: Plan) -> str:
    if plan.continuous is None:
        return ""
    improved = improvement(plan.continuous, plan.chosen)
    if improved is None or improved < MIN_IMPROVEMENT:
        return ""
    measured = _measured(plan, plan.continuous)
    return f"; continuous batching is better still, if the back-end supports it: {measured}"


def _measured(plan: Plan, outcome: Outcome) -> str:
    if plan.question.objective.rate is None:
        return f"{outcome.rate:.4g} requests/s" if outcome.meets else "none within the p99"
    return f"a mean of {outcome.mean:.4g} s"
