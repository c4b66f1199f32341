"""The figures of the page. Needs matplotlib."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from benches.frontier.model import BATCH_SIZES, Load
from benches.frontier.run import MEASURES, Runs
from benches.frontier.tables import CURVE, ERRORS, uses_predictions

__all__ = ["draw"]

STYLES = {
    "FIFO": ("black", "-"),
    "strict bins": ("#999999", "--"),
    "elastic bins": ("#2b6cb0", "-"),
    "climbing, blind": ("#d1583f", "-"),
    "climbing, blind, 2B parked": ("#d1583f", ":"),
    "recompute": ("#7b5ea7", "--"),
    "sorted window 8B": ("#8fb339", "-"),
    "shortest first": ("#e0a030", "-"),
    "nearest, no bins": ("#3aa6a0", "--"),
    "heaviest bin, Σ wait²": ("#1a2a4f", ":"),
    "refill, every step": ("#c2558f", "--"),
    "refill, every 16": ("#c2558f", "-"),
}
TITLES = ("mean", "p99", "p99.9", "worst")


def draw(runs: Runs, folder: Path) -> list[Path]:
    """Writes the pictures and says which."""
    return [
        _frontier(runs, folder / "frontier-all.png", "", "all requests"),
        _frontier(runs, folder / "frontier-longest.png", "long ", "the longest 1 %"),
        _noise(runs, folder / "frontier-errors.png"),
    ]


def _figure(columns: int) -> tuple[Any, Any]:
    # Not pyplot: a figure of its own needs no display.
    from matplotlib.figure import Figure

    figure = Figure(figsize=(3.3 * columns, 7.2), layout="constrained")
    return figure, figure.subplots(len(BATCH_SIZES), columns, squeeze=False)


def _frontier(runs: Runs, path: Path, prefix: str, whose: str) -> Path:
    figure, grid = _figure(len(TITLES))
    for axes, b in zip(grid, BATCH_SIZES, strict=True):
        for axis, title in zip(axes, TITLES, strict=True):
            for name in STYLES:
                _curve(axis, runs, name, b, prefix + title)
            axis.set(yscale="log", title=f"{title}, B = {b}", ylim=(3, 3000))
            axis.grid(alpha=0.3)
        axes[0].set_ylabel(f"latency of {whose}, s")
    for axis in grid[-1]:
        axis.set_xlabel("load, × FIFO's saturation")
    return _save(figure, grid, path)


def _curve(axis: Any, runs: Runs, name: str, b: int, measure: str) -> None:
    """Mean over seeds with the band of the seeds, as far as the backlog stays."""
    loads = [x for x in CURVE if runs.steady(name, Load(), b, x)]
    found = np.array([runs.relative(name, Load(), b, x) for x in loads])
    values = found[:, :, MEASURES.index(measure)]
    colour, line = STYLES[name]
    axis.plot(loads, values.mean(axis=1), line, color=colour, label=name, lw=1.4)
    axis.fill_between(loads, values.min(axis=1), values.max(axis=1), color=colour, alpha=0.15, lw=0)


def _noise(runs: Runs, path: Path) -> Path:
    """p99 at load .85 against the predictions' error, all and the longest."""
    figure, grid = _figure(3)
    for axes, b in zip(grid, BATCH_SIZES, strict=True):
        for axis, measure in zip(axes, ("mean", "p99", "long p99"), strict=True):
            for name in STYLES:
                _errors(axis, runs, name, b, measure)
            axis.set(title=f"{measure}, B = {b}, load .85", ylabel="latency ÷ FIFO's")
            axis.set_xticks(range(len(ERRORS)), ["0", ".25", ".5", "1", "shuffled"])
            axis.grid(alpha=0.3)
    for axis in grid[-1]:
        axis.set_xlabel("σ of the predictions")
    return _save(figure, grid, path)


def _errors(axis: Any, runs: Runs, name: str, b: int, measure: str) -> None:
    fifo, colour_line = runs.mean("FIFO", Load(), b, 0.85, measure), STYLES[name]
    loads = [Load(error=e) if uses_predictions(name) else Load() for e in ERRORS]
    ratios = [
        runs.mean(name, load, b, 0.85, measure) / fifo
        if runs.steady(name, load, b, 0.85)
        else np.nan
        for load in loads
    ]
    axis.plot(ratios, colour_line[1], color=colour_line[0], label=name, lw=1.4)
    axis.set_ylim(0, 3)


def _save(figure: Any, grid: Any, path: Path) -> Path:
    handles, labels = grid[0][0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=6, fontsize=8, frameon=False)
    figure.savefig(path, dpi=80)
    return path
