"""The picture of curves. It needs the extra ``plot`` (matplotlib)."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from multibin._canvas import canvas, check_installed, check_target, save
from multibin.reward.choose._curve import Curve

__all__ = ["plot_curves"]


def plot_curves(curves: Mapping[str, Curve], path: str | Path, heading: str = "") -> None:
    """Draws accuracy against the number of candidates, a line and its interval a curve.

    Args:
        curves: by the names that the legend shows. The bands are the intervals over questions.
        path: the file, whose name ends in .png, .pdf or .svg.
        heading: stands above the picture.

    Raises:
        ModuleNotFoundError: matplotlib is not installed.
        ValueError: there are no curves, or the file cannot be written.

    >>> from multibin.reward.choose import plot_curves
    >>> plot_curves({}, "curves.png")
    Traceback (most recent call last):
    ValueError: curves must have at least one curve, got 0
    """
    if not curves:
        raise ValueError("curves must have at least one curve, got 0")
    check_target(path, "path")
    check_installed()
    figure = canvas(7, 4.5)
    _draw(figure.subplots(), curves, heading)
    save(figure, path)


def _draw(axes: Any, curves: Mapping[str, Curve], heading: str) -> None:
    for name, curve in curves.items():
        (line,) = axes.plot(curve.ns, 100 * curve.accuracy, marker="o", ms=3, label=name)
        band = {"color": line.get_color(), "alpha": 0.15, "lw": 0}
        axes.fill_between(curve.ns, 100 * curve.low, 100 * curve.high, **band)
    ns = sorted({n for curve in curves.values() for n in curve.ns.tolist()})
    axes.set_xscale("log", base=2)
    axes.set_xticks(ns, [str(n) for n in ns])
    axes.set(xlabel="candidates of a question", ylabel="correct answers (%)")
    axes.set_title(heading, loc="left", fontsize=10)
    axes.grid(alpha=0.3)
    axes.legend()
