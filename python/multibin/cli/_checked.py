"""A plan against another file: a trace that is played, or a benchmark's measured times."""

from __future__ import annotations

from typing import Any

from multibin.lab import fit_costs
from multibin.lab.plan import Load, Outcome, Plan, check, check_as_json, describe_check
from multibin.lab.traces import Trace

__all__ = ["checked_as_json", "describe_checked"]


def describe_checked(plan: Plan, load: Load, other: Trace, source: str) -> str:
    """Returns the comparison as text.

    A benchmark's times are compared with the plan and with continuous batching, as most engines
    run that.
    """
    parts = []
    if other.arrivals is not None and other.arrivals[-1] > 0:
        parts.append(describe_check(check(plan, load, other), source))
    if other.measured is not None:
        for outcome in _compared(plan):
            found = fit_costs.describe(_measured(outcome, other))
            parts.append(f"{source}, by {outcome.candidate.description}:\n{found}")
    return "\n\n".join(parts)


def checked_as_json(plan: Plan, load: Load, other: Trace) -> dict[str, Any]:
    """Returns the comparison for ``json.dumps``."""
    found: dict[str, Any] = {}
    if other.arrivals is not None and other.arrivals[-1] > 0:
        found["played"] = check_as_json(check(plan, load, other))
    if other.measured is not None:
        found["measured"] = {
            outcome.candidate.description: fit_costs.as_json(_measured(outcome, other))
            for outcome in _compared(plan)
        }
    return found


def _compared(plan: Plan) -> list[Outcome]:
    """Returns the chosen outcome, and continuous batching unless that is it."""
    others = [plan.continuous] if plan.continuous is not None else []
    return list({id(each): each for each in [plan.chosen, *others]}.values())


def _measured(outcome: Outcome, other: Trace) -> fit_costs.Check:
    candidate = outcome.candidate
    return fit_costs.check(other, candidate.settings.costs, candidate.former)
