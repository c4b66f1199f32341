"""The picture of a plan. Needs the extra ``plot`` (matplotlib)."""

from __future__ import annotations

import textwrap
from pathlib import Path

from multibin.lab.plan._advice import advice, wanted, words
from multibin.lab.plan._choice import Answer

__all__ = ["draw"]


def draw(answer: Answer, path: str | Path) -> None:
    """Mean latency against p99, a dot for every candidate that was played on all requests, the
    chosen one ringed, both scales logarithmic.
    """
    # Not pyplot: a figure of its own needs no display and leaves the caller's state alone.
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 5), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots()
    for name, means, p99s in _groups(answer):
        axes.plot(means, p99s, "o", label=name)
    chosen = answer.chosen
    name = words(chosen.candidate)
    axes.plot(chosen.mean, chosen.p99, "ko", fillstyle="none", markersize=14, label=name)
    if answer.question.objective.slo_p99 is not None:
        axes.axhline(answer.question.objective.slo_p99, color="grey", linestyle="--")
    axes.set(xscale="log", yscale="log", xlabel="mean latency (s)", ylabel="p99 latency (s)")
    title = f"{wanted(answer.question.objective)}: {advice(answer)}"
    axes.set_title(textwrap.fill(title, 95), loc="left", fontsize=9)
    axes.grid(alpha=0.3)
    axes.legend(fontsize=8)
    figure.savefig(path, dpi=110)


def _groups(answer: Answer) -> list[tuple[str, list[float], list[float]]]:
    names = dict.fromkeys(each.candidate.policy.name for each in answer.played)
    return [
        (
            name,
            [each.mean for each in answer.played if each.candidate.policy.name == name],
            [each.p99 for each in answer.played if each.candidate.policy.name == name],
        )
        for name in names
    ]
