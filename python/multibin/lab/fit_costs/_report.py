"""Shows fitted costs and checks as text and as JSON."""

from __future__ import annotations

import math
from typing import Any

from multibin.lab.fit_costs._check import METRICS, Check, Figure
from multibin.lab.fit_costs._fit import FittedCosts

__all__ = ["as_json", "describe"]

FAR = 0.2
"""Relative error from which the text says that the costs do not repeat the benchmark."""


def describe(found: FittedCosts | Check, *, judged: bool = True) -> str:
    """Returns the costs and the residuals, or a check alone, as text.

    ``judged=False`` leaves out the sentence on costs that are far off: for batches that are formed
    otherwise than those of the benchmark.

    >>> from multibin.lab.fit_costs import Check, Figure, describe
    >>> figures = (Figure("latency", "p99", measured=2.0, predicted=2.1),)
    >>> print(describe(Check(figures, requests=500, notes=())).splitlines()[-1])
    latency, p99                          2 s        2.1 s    +5.0%
    """
    if isinstance(found, Check):
        verdict = _verdict(found) if judged else []
        return "\n".join([*_table(found, f"{found.requests:,} requests"), *verdict])
    parts = [_head(found), "\n".join(_table(found.fitted, "the requests of the fit"))]
    if found.held_out is not None:
        title = f"{found.held_out.requests:,} requests by costs fitted to the others"
        parts.append("\n".join([*_table(found.held_out, title), *_verdict(found.held_out)]))
    return "\n\n".join(parts)


def as_json(found: FittedCosts | Check) -> dict[str, Any]:
    """Returns fitted costs or a check for ``json.dumps``; a number that is not known is None.

    >>> from multibin.lab.fit_costs import Check, Figure, as_json
    >>> found = Check((Figure("latency", "p99", 2.0, 2.5),), requests=500, notes=())
    >>> as_json(found)["latency"]["p99"]
    {'measured': 2.0, 'predicted': 2.5, 'error': 0.25}
    """
    if isinstance(found, Check):
        metrics: dict[str, Any] = {}
        for figure in found.figures:
            metrics.setdefault(figure.metric, {})[figure.statistic] = _numbers(figure)
        return {"requests": found.requests, **metrics, "notes": list(found.notes)}
    return {
        "costs": found.costs.data,
        "slots": found.slots,
        "slots_given": found.slots_given,
        "limited": found.limited,
        "chunk": found.chunk,
        "fitted": as_json(found.fitted),
        "held_out": None if found.held_out is None else as_json(found.held_out),
        "notes": list(found.notes),
    }


def _head(found: FittedCosts) -> str:
    terms = ", ".join(f"{name}={cost:.4g}" for name, cost in found.costs.parameters.items() if cost)
    origin = "as given" if found.slots_given else "found from the times"
    lines = [
        f'fitted costs: mb.CostModel({terms}, completes="row")',
        f"continuous batching in {found.slots} slots ({origin})",
    ]
    return "\n".join([*lines, *found.notes])


def _table(check: Check, title: str) -> list[str]:
    return [
        f"{title}, predicted beside measured:",
        f"{'':28} {'measured':>12} {'predicted':>12} {'error':>8}",
        *(_line(figure) for figure in check.figures),
    ]


def _line(figure: Figure) -> str:
    if figure.metric == "throughput":
        name = "throughput, requests/s"
        measured, predicted = f"{figure.measured:.4g}", f"{figure.predicted:.4g}"
    else:
        name = f"{METRICS[figure.metric]}, {figure.statistic}"
        measured, predicted = _time(figure.measured), _time(figure.predicted)
    error = "" if math.isnan(figure.error) else f"{figure.error:+.1%}"
    return f"{name:28} {measured:>12} {predicted:>12} {error:>8}"


def _time(seconds: float) -> str:
    return f"{seconds:.3g} s" if seconds >= 1 else f"{1e3 * seconds:.3g} ms"


def _verdict(check: Check) -> list[str]:
    """Returns a sentence where a figure is far off."""
    if check.worst <= FAR:
        return []
    known = [figure for figure in check.figures if not math.isnan(figure.error)]
    worst = max(known, key=lambda figure: abs(figure.error))
    name = METRICS.get(worst.metric, worst.metric)
    return [
        f"The costs do not repeat this benchmark: {name}, {worst.statistic} is {worst.error:+.0%}"
        " off. Plans by them are as uncertain."
    ]


def _numbers(figure: Figure) -> dict[str, float | None]:
    error = None if math.isnan(figure.error) else figure.error
    return {"measured": figure.measured, "predicted": figure.predicted, "error": error}
