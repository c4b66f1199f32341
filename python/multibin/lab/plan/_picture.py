"""The picture of a plan. It needs the extra ``plot`` (matplotlib)."""

from __future__ import annotations

from pathlib import Path

from multibin._canvas import canvas, save, title
from multibin.lab.plan._advice import advice
from multibin.lab.plan._choice import Plan

__all__ = ["draw"]


def draw(plan: Plan, path: str | Path) -> None:
    """Draws mean latency against p99: a dot for each candidate that was played on all requests.

    The chosen one has a ring. Both scales are logarithmic.
    """
    figure = canvas(8, 5)
    axes = figure.subplots()
    for name, means, p99s in _groups(plan):
        axes.plot(means, p99s, "o", label=name)
    chosen, objective = plan.chosen, plan.question.objective
    name = chosen.candidate.description
    axes.plot(chosen.mean, chosen.p99, "ko", fillstyle="none", markersize=14, label=name)
    if objective.slo_p99 is not None:
        axes.axhline(objective.slo_p99, color="grey", linestyle="--")
    axes.set(xscale="log", yscale="log", xlabel="mean latency (s)", ylabel="p99 latency (s)")
    title(axes, f"{objective.description}: {advice(plan)}", size=9)
    axes.grid(alpha=0.3)
    axes.legend(fontsize=8)
    save(figure, path)


def _groups(plan: Plan) -> list[tuple[str, list[float], list[float]]]:
    names = dict.fromkeys(each.candidate.policy.name for each in plan.played)
    return [
        (
            name,
            [each.mean for each in plan.played if each.candidate.policy.name == name],
            [each.p99 for each in plan.played if each.candidate.policy.name == name],
        )
        for name in names
    ]
