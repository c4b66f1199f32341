"""The picture of a comparison. Needs the extra ``plot`` (matplotlib)."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from multibin.lab.compare._play import Result

__all__ = ["latencies"]

POINTS = 400
"""Of a curve."""


def latencies(results: Sequence[Result], path: str | Path, title: str) -> None:
    """Share of the requests that take longer than a latency, one curve a policy, both scales
    logarithmic: p99 is where a curve crosses 10⁻².
    """
    # Not pyplot: a figure of its own needs no display and leaves the caller's state alone.
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 5), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots()
    for result in results:
        above = np.geomspace(1, 1 / len(result.latency), POINTS)
        axes.plot(np.quantile(result.latency, 1 - above), above, label=result.policy.name)
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xlabel("latency (s)")
    axes.set_ylabel("share of the requests that take longer")
    axes.set_title(textwrap.fill(title, 95), loc="left", fontsize=10)
    axes.grid(alpha=0.3)
    axes.legend()
    figure.savefig(path, dpi=110)
