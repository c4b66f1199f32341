"""The picture of a comparison. It needs the extra ``plot`` (matplotlib)."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from multibin._canvas import canvas, save, title
from multibin.lab.compare._play import Result

__all__ = ["draw"]

POINTS = 400
"""Points of a curve."""


def draw(results: Sequence[Result], path: str | Path, heading: str) -> None:
    """Draws the share of the requests that take longer than a latency, a curve a policy.

    Both scales are logarithmic: p99 is where a curve crosses 10⁻².
    """
    figure = canvas(8, 5)
    axes = figure.subplots()
    for result in results:
        above = np.geomspace(1, 1 / len(result.latency), POINTS)
        axes.plot(np.quantile(result.latency, 1 - above), above, label=result.policy.name)
    axes.set(xscale="log", yscale="log", xlabel="latency (s)")
    axes.set_ylabel("share of the requests that take longer")
    title(axes, heading)
    axes.grid(alpha=0.3)
    axes.legend()
    save(figure, path)
