"""Says what was played: requests, arrivals, memory, and where the halves of a trace differ."""

from __future__ import annotations

from multibin.lab.compare import describe_costs, describe_prefix_cache, predictions_of
from multibin.lab.plan._drift import differences, halves
from multibin.lab.plan._load import Load
from multibin.lab.plan._question import Question

__all__ = ["describe_load"]

MOST_REFUSED = 0.05
"""The share of refused requests above which the text warns."""

ANSWERED = {
    "batch": "the end of its batch (--completes batch; in continuous batching, at its last step)",
    "row": "its own last step (--completes row)",
}
"""When a request is answered, by ``completes`` of the costs."""

BURSTY = 1.2
"""The coefficient of variation of the gaps above which arrivals are called bursty."""


def describe_load(question: Question, load: Load) -> list[str]:
    """Returns what was played and wanted, a line each."""
    settings, costs = question.settings, describe_costs(question.settings.costs)
    return [
        _describe_played(question, load),
        *_describe_limits(question.context, load),
        f"wanted: {question.objective.description}; predictions:"
        f" {_describe_predictions(question, load)}",
        f"{settings.servers} server{'s' if settings.servers > 1 else ''}; a batch takes {costs}; a"
        f" request is answered at {ANSWERED[settings.costs.completes]}; times are in seconds,"
        f" without the first {settings.warm_up:.0%} of the requests",
        *_describe_memory(question),
        *describe_prefix_cache(settings, load.trace, drawn=not load.own),
        *_describe_halves(load),
    ]


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


def _describe_limits(context: int | None, load: Load) -> list[str]:
    if context is None or (not load.refused and not load.shortened):
        return []
    all_of_them = load.refused + len(load.trace)
    share = load.refused / all_of_them
    warning = ": the plan is for the others alone" if share > MOST_REFUSED else ""
    return [
        f"the context of {context:,} tokens refuses {load.refused:,} of {all_of_them:,} requests"
        f" ({share:.1%}) and ends {load.shortened:,} outputs early{warning}"
    ]


def _describe_predictions(question: Question, load: Load) -> str:
    if question.predictor:
        return predictions_of(question.settings, load.trace)
    equal = load.trace.predicted is not None
    return "none, as the trace's are all equal" if equal else "none"


def _describe_memory(question: Question) -> list[str]:
    if question.kv_tokens is None:
        return []
    budget, token = question.kv_budget or 0.0, question.kv_bytes_per_token or 0.0
    return [
        f"KV cache of a server: {budget / 1e9:.4g} GB, {token:,.0f} bytes a token:"
        f" {int(question.kv_tokens):,} tokens"
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
