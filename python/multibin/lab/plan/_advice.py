"""Says what to do, and why, in one sentence."""

from __future__ import annotations

from multibin.lab.plan._candidates import MIN_GAIN
from multibin.lab.plan._choice import MIN_IMPROVEMENT, Plan, differs, improvement
from multibin.lab.plan._estimate import Estimate
from multibin.lab.plan._measure import BOUNDED, Outcome
from multibin.lab.plan._question import CLIMBING

__all__ = ["SPOKEN", "advice"]

SPOKEN = {"latency": "p99", "ttft": "p99 of TTFT", "tpot": "p99 of TPOT"}
"""What a bound of the objective is called."""


def advice(plan: Plan) -> str:
    """Returns what to do and why: bins pay, one is enough, continuous batching is better, or none."""
    if not plan.chosen.meets:
        return f"{_of_those_tried(plan, _nothing(plan))}."
    if plan.chosen.candidate.policy.name == "continuous":
        only = "Only continuous batching meets the objective, if the back-end supports it"
        return f"{_of_those_tried(plan, f'{only}: {_measured(plan, plan.chosen)}')}."
    single = len(plan.chosen.candidate.edges) == 1
    return f"{_one_bin(plan) if single else _bins(plan)}{_continuous(plan)}."


def _of_those_tried(plan: Plan, found: str) -> str:
    """Returns what was found, of the batches that were tried if wider ones may do better."""
    if not plan.one_bin_is_cut:
        return found
    tried = max(plan.question.batch_sizes)
    return (
        f"Batches of more than {tried} were not tried (--max-batch-size). Up to {tried} rows:"
        f" {found[0].lower()}{found[1:]}"
    )


def _nothing(plan: Plan) -> str:
    miss = _miss(plan)
    if plan.question.objective.rate is None:
        return miss
    if plan.highest is None:
        return f"{miss}; no lower rate would do"
    highest = plan.highest
    bounded = plan.question.objective.bounds or plan.question.kv_tokens is not None
    rate = highest.estimated("rate") if bounded else _sustained(highest)
    most = f"{rate} requests/s ({highest.candidate.description})"
    return f"{miss}; the highest rate that would do is {most}"


def _miss(plan: Plan) -> str:
    objective, nearest = plan.question.objective, plan.chosen
    at = f"{'even ' if objective.rate is None else ''}at {nearest.rate:.4g} requests/s"
    if not nearest.fits:
        need, room = nearest.estimated("tokens"), plan.question.kv_tokens or 0.0
        return (
            f"Nothing fits into the KV cache {at}: the nearest ({nearest.candidate.description})"
            f" needs {need} tokens, the budget holds {room:.4g}"
        )
    missed = [
        f"{SPOKEN[name]} of {nearest.estimated(BOUNDED[name])} s"
        for name, bound in objective.bounds.items()
        if nearest.estimated(BOUNDED[name]).value > bound
    ]
    if not any(each.steady for each in plan.outcomes):
        return f"Nothing sustains {nearest.rate:.4g} requests/s"
    grows = [] if nearest.steady else ["backlog that grows"]
    return (
        f"Nothing meets {objective.limits} {at}: the nearest ({nearest.candidate.description}) has"
        f" a {' and a '.join([*missed, *grows])}"
    )


def _one_bin(plan: Plan) -> str:
    binned = plan.binned
    if binned is None:
        return "One bin is enough: there is nothing to choose with more of them"
    gain, name = improvement(binned, plan.chosen), binned.candidate.policy.name
    if not binned.candidate.gains_enough:
        full = binned.candidate.gain or 1.0
        return (
            f"One bin is enough: with these predictions bins gain {full:.2f} × in full batches,"
            f" less than {MIN_GAIN:.2f} ×"
        )
    if gain is None:
        return f"One bin is enough: {name} misses the objective"
    if gain.value <= 1:
        return "One bin is enough: nothing with more of them does better"
    if not differs(gain):
        return (
            f"One bin is enough: the best of the others, {name}, makes no difference that another"
            f" stretch of this load would show, too ({gain} ×)"
        )
    return (
        f"One bin is enough: the best of the others, {name}, gains"
        f" {gain.value - 1:.1%}, less than {MIN_IMPROVEMENT - 1:.0%}"
    )


def _bins(plan: Plan) -> str:
    chosen = plan.chosen
    what = "climbing pays" if chosen.candidate.policy.name in CLIMBING else "binning pays"
    if not plan.one_bin_is_cut:
        return f"{what.capitalize()}: {_why(plan)}"
    tried = max(plan.question.batch_sizes)
    return (
        f"Whether {what} is open: one bin with batches of more than {tried} was not tried"
        f" (--max-batch-size). Up to {tried} rows: {_why(plan)}"
    )


def _why(plan: Plan) -> str:
    chosen, fifo = plan.chosen, plan.fifo
    if plan.question.objective.rate is None or fifo.meets:
        gain = improvement(chosen, fifo)
        times = "" if gain is None else f" ({gain} ×)"
        against = f"{_measured(plan, fifo)} with one bin{times}"
        return f"{_measured(plan, chosen)} against {against}"
    if not fifo.fits:
        return "one bin does not fit into the KV cache"
    if fifo.steady:
        return _fifo_misses(plan)
    return f"one bin sustains only {_sustained(fifo)} of the {chosen.rate:.4g} requests/s"


def _fifo_misses(plan: Plan) -> str:
    for name, bound in plan.question.objective.bounds.items():
        one, other = (each.estimated(BOUNDED[name]) for each in (plan.fifo, plan.chosen))
        if one.value > bound:
            policy = plan.chosen.candidate.policy.name
            return f"one bin has a {SPOKEN[name]} of {one} s, {policy} {other} s"
    return "one bin misses the objective"


def _sustained(outcome: Outcome) -> Estimate | str:
    return "less" if outcome.saturation is None else outcome.saturation


def _continuous(plan: Plan) -> str:
    if plan.continuous is None:
        return ""
    gain, measured = improvement(plan.continuous, plan.chosen), _measured(plan, plan.continuous)
    if gain is None:
        return ""
    if gain.value >= MIN_IMPROVEMENT and differs(gain):
        better = "continuous batching is better still, if the back-end supports it"
        return f"; {better}: {measured} ({gain} ×)"
    if gain.high is not None and gain.high > 1:
        return f"; continuous batching does as well, if the back-end supports it: {measured}"
    return ""


def _measured(plan: Plan, outcome: Outcome) -> str:
    if plan.question.objective.rate is None:
        rate = outcome.estimated("rate")
        return f"{rate} requests/s" if outcome.meets else f"none at {outcome.rate:.2g} requests/s"
    return f"a mean of {outcome.estimated('mean')} s"
