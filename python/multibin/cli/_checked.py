"""A plan against another file: a trace that is played, or a benchmark's measured times."""

from __future__ import annotations

from typing import Any

import numpy as np

from multibin.lab import fit_costs
from multibin.lab.plan import (
    Load,
    Outcome,
    Plan,
    as_predicted,
    check,
    check_as_json,
    describe_check,
)
from multibin.lab.traces import Trace

__all__ = ["checked_as_json", "describe_checked"]


def describe_checked(plan: Plan, load: Load, other: Trace, source: str) -> str:
    """Returns the comparison as text.

    A benchmark's times are compared with continuous batching, as most engines run that, and with
    the plan.
    """
    parts = []
    if other.arrivals is not None and other.arrivals[-1] > 0:
        parts.append(describe_check(check(plan, load, other), source))
    if other.measured is not None:
        for outcome in _compared(plan):
            name = outcome.candidate.description
            title = f"measured in {source}, and predicted for {name}:"
            found = fit_costs.describe(_measured(load, outcome, other), judged=_is_engines(outcome))
            parts.append(f"{title}\n{found}")
    return "\n\n".join(parts)


def checked_as_json(plan: Plan, load: Load, other: Trace) -> dict[str, Any]:
    """Returns the comparison for ``json.dumps``."""
    found: dict[str, Any] = {}
    if other.arrivals is not None and other.arrivals[-1] > 0:
        found["played"] = check_as_json(check(plan, load, other))
    if other.measured is not None:
        found["measured"] = {
            outcome.candidate.description: fit_costs.as_json(_measured(load, outcome, other))
            for outcome in _compared(plan)
        }
    return found


def _compared(plan: Plan) -> list[Outcome]:
    """Returns continuous batching, if it was played, and the chosen outcome."""
    others = [plan.continuous] if plan.continuous is not None else []
    return list({id(each): each for each in [*others, plan.chosen]}.values())


def _is_engines(outcome: Outcome) -> bool:
    """Returns whether engines form batches so, such that unlike times are a fault of the costs."""
    return outcome.candidate.policy.name == "continuous"


def _measured(load: Load, outcome: Outcome, other: Trace) -> fit_costs.Check:
    candidate = outcome.candidate
    known = as_predicted(load.settings, other)
    if candidate.policy.blind:
        known = known.with_predicted(np.zeros(len(known), np.int64))
    return fit_costs.check(known, candidate.settings.costs, candidate.former)
