"""Shows the plan as text."""

from __future__ import annotations

import numpy as np

from multibin.lab._text import paragraph, table
from multibin.lab.plan._advice import SPOKEN, advice
from multibin.lab.plan._choice import Plan, improvement
from multibin.lab.plan._estimate import Estimate
from multibin.lab.plan._load import Load
from multibin.lab.plan._measure import BOUNDED, Outcome
from multibin.lab.plan._words import describe_load

__all__ = ["describe"]

SUBMITTED = {
    "fifo": "lengths do not matter",
    "climb": "submit every request with length 0; resubmit the unfinished rows",
    "climb-predicted": "submit predicted lengths; resubmit the unfinished rows",
    "continuous": "in the simulation; live, a back-end with continuous batching",
}
"""What goes with the line of Python."""

FURTHER = {
    "ttft_p50": "TTFT p50",
    "ttft_p99": "TTFT p99",
    "tpot_p50": "TPOT p50",
    "tpot_p99": "TPOT p99",
}
"""Figures of the second table."""

MARKS = {
    "*": "the backlog grows: these figures depend on how long the run is",
    "~": "the predictions do not justify these bins",
    "!": "the caches do not fit into the budget",
    "x": "misses a bound: the rate, where it is searched, is the lowest that was tried",
    "=": "as good as the plan (>): other stretches of this load show no sure difference",
}
"""What the marks of the first table mean."""

UNKNOWN = "[?] another stretch may show less than a tenth of the figure, or ten times it"

MOST_UNCERTAIN = 0.3
"""Half a width of the p99's interval, relative, from which the text warns."""


def describe(plan: Plan, load: Load) -> str:
    """Returns the load, the plan as words and as Python, the tables, and the advice."""
    played = paragraph("\n".join(describe_load(plan.question, load)))
    figures = "\n".join([*_best(plan), *map(paragraph, _notes(plan))])
    further = "\n".join([*_further(plan), paragraph(_further_notes(plan))])
    last = paragraph("\n".join([*_remarks(plan, load), advice(plan)]))
    return "\n\n".join([played, _describe_chosen(plan), figures, further, last])


def _describe_chosen(plan: Plan) -> str:
    candidate = plan.chosen.candidate
    heading = "plan" if plan.chosen.meets else f"no plan does this; the nearest{_why_nearest(plan)}"
    how = SUBMITTED.get(candidate.policy.name, "submit predicted lengths")
    return f"{heading}: {candidate.description}\n{candidate.python}  # {how}"


def _why_nearest(plan: Plan) -> str:
    """Returns by what the nearest was found: memory, the bound that it misses most, or its rate."""
    nearest, bounds = plan.chosen, plan.question.objective.bounds
    if not nearest.fits:
        return f", whose caches take {nearest.crowding:.2g} × the budget"
    if nearest.within_bounds:
        return ", which sustains the highest rate"
    figure = {name: getattr(nearest.figures, BOUNDED[name]) / bounds[name] for name in bounds}
    worst = max(bounds, key=lambda name: float(np.nan_to_num(figure[name])))
    return f", whose {SPOKEN[worst]} is {nearest.excess:.2g} × its bound"


def _best(plan: Plan) -> list[str]:
    """Returns the table of rates and latencies."""
    header = ["  best of each policy", "requests/s", "mean", "p99", "saturation", "headroom"]
    return table(header, [_row(plan, outcome) for outcome in plan.outcomes])


def _row(plan: Plan, outcome: Outcome) -> list[str]:
    top = outcome.saturation
    marks = "".join(f" {mark}" for mark in _marks(plan, outcome))
    return [
        f"{'>' if outcome is plan.chosen else ' '} {outcome.candidate.description}{marks}",
        _rate(plan, outcome),
        str(outcome.estimated("mean")),
        str(outcome.estimated("p99")),
        "-" if top is None else str(top),
        "-" if top is None else str(top.scaled(1 / outcome.rate)),
    ]


def _marks(plan: Plan, outcome: Outcome) -> list[str]:
    holds = {
        "*": not outcome.steady,
        "~": not outcome.candidate.gains_enough,
        "!": not outcome.fits,
        "x": outcome.steady and outcome.fits and not outcome.meets,
        "=": _equals(plan, outcome),
    }
    return [mark for mark, true in holds.items() if true]


def _equals(plan: Plan, outcome: Outcome) -> bool:
    """Returns whether another stretch may show the chosen one to be no better, or worse."""
    gain = improvement(plan.chosen, outcome)
    if outcome is plan.chosen or gain is None or gain.low is None or gain.high is None:
        return False
    return gain.low <= 1 <= gain.high


def _rate(plan: Plan, outcome: Outcome) -> str:
    if plan.question.objective.rate is not None:
        return f"{outcome.rate:.4g}"
    return str(outcome.estimated("rate")) if outcome.meets else f"{outcome.rate:.2g}"


def _notes(plan: Plan) -> list[str]:
    shown = {mark for outcome in plan.outcomes for mark in _marks(plan, outcome)}
    return [
        "±, or both ends in brackets: the uncertainty. In 9 of 10 other stretches of this load the"
        " figure lies within. headroom: saturation, the highest stable rate with drawn arrivals, ÷"
        " requests/s",
        *(f"{mark} {text}" for mark, text in MARKS.items() if mark in shown),
        *([UNKNOWN] if _any_unknown(plan) else []),
    ]


def _any_unknown(plan: Plan) -> bool:
    names = ("mean", "p99", *FURTHER, "rows", "parked", "tokens")
    return any(each.estimated(name).unknown for each in plan.outcomes for name in names)


def _further(plan: Plan) -> list[str]:
    """Returns the table of times to tokens and of memory."""
    bounded, token = bool(plan.question.objective.bounds), plan.question.kv_bytes_per_token
    header = ["  the same", *FURTHER.values(), *(["goodput"] if bounded else [])]
    header += ["rows", "parked", "KV tokens", *(["KV GB"] if token is not None else [])]
    rows = []
    for outcome in plan.outcomes:
        name = f"{'>' if outcome is plan.chosen else ' '} {outcome.candidate.policy.name}"
        rows.append([name, *_cells(outcome, bounded, token)])
    return table(header, rows)


def _cells(outcome: Outcome, bounded: bool, token: float | None) -> list[str]:
    cells = [str(outcome.estimated(name)) for name in FURTHER]
    if bounded:
        cells.append(str(outcome.estimated("within").scaled(outcome.rate)))
    cells += [str(outcome.estimated(name)) for name in ("rows", "parked", "tokens")]
    return cells if token is None else [*cells, str(_gigabytes(outcome, token))]


def _gigabytes(outcome: Outcome, token: float) -> Estimate:
    return outcome.estimated("tokens").scaled(token / 1e9)


def _further_notes(plan: Plan) -> str:
    good = " goodput: requests/s that keep every bound." if plan.question.objective.bounds else ""
    return (
        f"TTFT: time to the first token; TPOT: time per output token after it.{good} rows, parked,"
        " KV tokens: the most that a server holds at one time, running and waiting with their state"
    )


def _remarks(plan: Plan, load: Load) -> list[str]:
    """Returns what else a reader must know, a sentence each."""
    chosen, objective = plan.chosen, plan.question.objective
    found = []
    if objective.rate is None and load.own and load.rate and chosen.meets:
        found.append(
            f"This is {chosen.estimated('rate').scaled(1 / load.rate)} × the trace's rate."
        )
    if objective.bounds and chosen.meets and chosen.kept is not None:
        found.append(f"The plan keeps its bounds at this rate in {chosen.kept} other stretches.")
    half = chosen.estimated("p99").half_width
    if half is not None and half > MOST_UNCERTAIN and chosen.steady:
        found.append(
            f"The plan's p99 is off by up to {half:.0%} in other stretches: bursts or slow changes"
            " of this load decide it. A longer trace narrows it."
        )
    widest = max(plan.question.batch_sizes)
    cut = chosen.figures.rows >= chosen.candidate.batch_size == widest > 1
    if cut and not (plan.one_bin_is_cut and chosen is not plan.fifo):
        found.append(
            f"No batches of more than {chosen.candidate.batch_size} were tried: --max-batch-size."
        )
    return found
