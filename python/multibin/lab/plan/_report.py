"""Shows the plan as text."""

from __future__ import annotations

from multibin.lab.compare import describe_costs, describe_prefix_cache
from multibin.lab.plan._advice import advice
from multibin.lab.plan._choice import Plan, improvement
from multibin.lab.plan._drift import differences, halves
from multibin.lab.plan._estimate import Estimate
from multibin.lab.plan._load import Load
from multibin.lab.plan._measure import Outcome
from multibin.lab.plan._question import Question

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

MOST_UNCERTAIN = 0.3
"""Half a width of the p99's interval, relative, from which the text warns."""

BURSTY = 1.2
"""The coefficient of variation of the gaps above which arrivals are called bursty."""


def describe(plan: Plan, load: Load) -> str:
    """Returns the load, the plan as words and as Python, the tables, and the advice."""
    parts = [_describe_load(plan.question, load), _describe_chosen(plan), _table(plan)]
    return "\n\n".join([*parts, _further(plan), advice(plan)])


def _describe_load(question: Question, load: Load) -> str:
    settings, costs = question.settings, describe_costs(question.settings.costs)
    return "\n".join(
        [
            _describe_played(question, load),
            *_describe_limits(load),
            f"wanted: {question.objective.description}; predictions:"
            f" {_describe_predictions(question, load)}",
            f"{settings.servers} server{'s' if settings.servers > 1 else ''}; a batch takes"
            f" {costs}; times are in seconds, without the first"
            f" {settings.warm_up:.0%} of the requests",
            *_describe_memory(question),
            *describe_prefix_cache(settings, load.trace, drawn=not load.own),
            *_describe_halves(load),
        ]
    )


def _describe_played(question: Question, load: Load) -> str:
    count, settings = f"{len(load.base):,} requests", question.settings
    if not load.own:
        drawn = f"played: {count} drawn from {settings.trace} (seed {settings.seed})"
        return f"{drawn}, {load.arrivals}{_not_its_own(load)}"
    speed = "faster or slower, one pattern" if question.speed is None else f"× {question.speed:g}"
    pace = f"{load.rate:.4g} requests/s, gaps with a cv of {round(load.cv or 0.0, 6):.2g}"
    part = "" if len(load.base) == len(load.trace) else f" of {len(load.trace):,}"
    return f"played: {count}{part} at the trace's own times ({pace}), {speed}"


def _not_its_own(load: Load) -> str:
    """Returns a warning where drawn arrivals replace bursts."""
    drawn = load.settings.cv or 1.0
    if load.cv is None or load.cv < BURSTY * drawn:
        return ""
    return (
        f". The trace itself is more bursty (cv {load.cv:.2g}): without --rate and --cv its own"
        " times are played"
    )


def _describe_limits(load: Load) -> list[str]:
    if not load.refused and not load.shortened:
        return []
    return [
        f"the context refuses {load.refused:,} prompts and ends {load.shortened:,} outputs early"
    ]


def _describe_predictions(question: Question, load: Load) -> str:
    settings = question.settings
    if not question.predictor:
        return "none"
    if settings.shuffled:
        return "true lengths of other requests"
    if settings.sigma:
        return f"true lengths × exp({settings.sigma:g}·Z)"
    known = load.trace.predicted is None or settings.sigma == 0
    return "true lengths" if known else "the trace's"


def _describe_memory(question: Question) -> list[str]:
    if question.kv_tokens is None:
        return []
    budget, token = question.kv_budget or 0.0, question.kv_bytes_per_token or 0.0
    return [
        f"KV cache of a server: {budget / 1e9:.4g} GB, {token:,.0f} bytes a token:"
        f" {question.kv_tokens:,.0f} tokens"
    ]


def _describe_halves(load: Load) -> list[str]:
    if load.trace.arrivals is None or load.rate is None:
        return []
    found = differences(*halves(load.trace))
    if not found:
        return []
    parts = "; ".join(map(str, found))
    return [
        f"The halves of the trace differ: {parts}. What follows holds for the whole; another"
        " stretch may be like either half"
    ]


def _describe_chosen(plan: Plan) -> str:
    candidate = plan.chosen.candidate
    heading = "plan" if plan.chosen.meets else "no plan; the nearest"
    how = SUBMITTED.get(candidate.policy.name, "submit predicted lengths")
    return f"{heading}: {candidate.description}\n{candidate.python}  # {how}"


def _table(plan: Plan) -> str:
    header = (
        f"{'':2}{'best of each policy':60} {'requests/s':>12} {'mean':>14} {'p99':>14}"
        f" {'saturation':>12} {'headroom':>12}"
    )
    lines = [_line(plan, outcome) for outcome in plan.outcomes]
    return "\n".join([header, *lines, *_notes(plan)])


def _line(plan: Plan, outcome: Outcome) -> str:
    saturation = "" if outcome.saturation is None else str(outcome.saturation)
    headroom = "" if outcome.saturation is None else outcome.saturation.scaled(1 / outcome.rate)
    return (
        f"{'>' if outcome is plan.chosen else '':2}"
        f"{outcome.candidate.description + _marks(plan, outcome):60}"
        f" {_rate(plan, outcome):>12} {_figure(outcome, 'mean'):>14} {_figure(outcome, 'p99'):>14}"
        f" {saturation:>12} {headroom!s:>12}"
    )


def _marks(plan: Plan, outcome: Outcome) -> str:
    marks = {
        "*": not outcome.steady,
        "~": not outcome.candidate.gains_enough,
        "!": not outcome.fits,
        "=": _equals(plan, outcome),
    }
    return "".join(f" {mark}" for mark, holds in marks.items() if holds)


def _equals(plan: Plan, outcome: Outcome) -> bool:
    """Returns whether another stretch may show the chosen one to be no better, or worse."""
    gain = improvement(plan.chosen, outcome)
    if outcome is plan.chosen or gain is None or gain.low is None or gain.high is None:
        return False
    return gain.low <= 1 <= gain.high


def _rate(plan: Plan, outcome: Outcome) -> str:
    if plan.question.objective.rate is not None:
        return f"{outcome.rate:.4g}"
    return str(outcome.estimated("rate"))


def _figure(outcome: Outcome, name: str) -> str:
    return str(outcome.estimated(name))


def _notes(plan: Plan) -> list[str]:
    notes = [
        "±: the uncertainty; in 9 of 10 other stretches of this load the figure lies within."
        " headroom: saturation, the",
        "highest stable rate with drawn arrivals, ÷ requests/s",
    ]
    marks = {
        "* the backlog grows: these latencies depend on how long the run is": any(
            not each.steady for each in plan.outcomes
        ),
        "[?] another stretch may show less than a tenth of the figure, or ten times it": (
            _any_unknown(plan)
        ),
        "~ the predictions do not justify these bins": any(
            not each.candidate.gains_enough for each in plan.outcomes
        ),
        "! the caches do not fit into the budget": any(not each.fits for each in plan.outcomes),
        "= no difference to the plan (>) that another stretch would show for certain": any(
            _equals(plan, each) for each in plan.outcomes
        ),
    }
    return notes + [text for text, holds in marks.items() if holds] + _uncertain(plan)


def _any_unknown(plan: Plan) -> bool:
    names = ("mean", "p99", *FURTHER, "rows", "parked", "tokens")
    return any(each.estimated(name).unknown for each in plan.outcomes for name in names)


def _uncertain(plan: Plan) -> list[str]:
    """Returns a warning where the plan's p99 is hardly known."""
    half = plan.chosen.estimated("p99").half_width
    if half is None or half <= MOST_UNCERTAIN:
        return []
    return [
        f"The plan's p99 is off by up to {half:.0%} in other stretches: bursts or slow changes of"
        " this load decide it. A longer trace narrows it"
    ]


def _further(plan: Plan) -> str:
    """Returns the table of times to tokens and of memory."""
    bounds = plan.question.objective.bounds
    titles = [*FURTHER.values(), *(["goodput"] if bounds else []), "rows", "parked", "KV tokens"]
    token = plan.question.kv_bytes_per_token
    titles += [] if token is None else ["KV GB"]
    header = f"{'':2}{'':16}" + "".join(f" {title:>14}" for title in titles)
    lines = [
        f"{'>' if each is plan.chosen else '':2}{each.candidate.policy.name:16}"
        + "".join(f" {cell:>14}" for cell in _cells(each, bool(bounds), token))
        for each in plan.outcomes
    ]
    return "\n".join([header, *lines, *_further_notes(bool(bounds))])


def _cells(outcome: Outcome, bounded: bool, token: float | None) -> list[str]:
    cells = [_figure(outcome, name) for name in FURTHER]
    if bounded:
        cells.append(str(outcome.estimated("within").scaled(outcome.rate)))
    cells += [_count(outcome.estimated(name)) for name in ("rows", "parked", "tokens")]
    return (
        cells if token is None else [*cells, str(outcome.estimated("tokens").scaled(token / 1e9))]
    )


def _count(figure: Estimate) -> str:
    return f"{figure.value:.0f}" if figure.half_width is None else str(figure)


def _further_notes(bounded: bool) -> list[str]:
    good = " goodput: requests/s that keep every bound." if bounded else ""
    return [
        f"TTFT: time to the first token; TPOT: time per output token after it.{good} rows, parked,"
        " KV tokens: the most",
        "that a server holds at one time, running and waiting with their state",
    ]
