"""The figures of the page. They need matplotlib."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from benches.policies import drift
from benches.policies.model import BATCH_SIZES, Load
from benches.policies.run import MEASURES, Runs
from benches.policies.tables import CURVE, ERRORS, uses_predictions
from numpy.lib.stride_tricks import sliding_window_view

import multibin as mb

__all__ = ["draw", "draw_drift"]

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
    "continuous, every step": ("#c2558f", "--"),
    "continuous, every 16": ("#c2558f", "-"),
}
DRIFT_STYLES = STYLES | {"elastic bins, gated": ("#d1583f", "--")}
TITLES = ("mean", "p99", "p99.9", "worst")


def draw(runs: Runs, folder: Path) -> list[Path]:
    """Writes the pictures and returns their files."""
    return [
        _latencies(runs, folder / "policies-all.png", "", "all requests"),
        _latencies(runs, folder / "policies-longest.png", "long ", "the longest 1 %"),
        _noise(runs, folder / "policies-errors.png"),
        draw_drift(runs, folder / "gate.png"),
    ]


def _figure(columns: int, width: float = 3.3) -> tuple[Any, Any]:
    # Without pyplot: the figure needs no display.
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width * columns, 7.2), layout="constrained")
    return figure, figure.subplots(2, columns, squeeze=False)


def _latencies(runs: Runs, path: Path, prefix: str, whose: str) -> Path:
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
    return _save(figure, grid[0][0], path)


def _curve(axis: Any, runs: Runs, name: str, b: int, measure: str) -> None:
    """Draws the mean over seeds with their band, as far as the backlog stays."""
    loads = [x for x in CURVE if runs.steady(name, Load(), b, x)]
    found = np.array([runs.relative(name, Load(), b, x) for x in loads])
    values = found[:, :, MEASURES.index(measure)]
    colour, line = STYLES[name]
    axis.plot(loads, values.mean(axis=1), line, color=colour, label=name, lw=1.4)
    axis.fill_between(loads, values.min(axis=1), values.max(axis=1), color=colour, alpha=0.15, lw=0)


def _noise(runs: Runs, path: Path) -> Path:
    """Draws latencies at load .85 against the predictions' error."""
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
    return _save(figure, grid[0][0], path)


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


def draw_drift(runs: Runs, path: Path) -> Path:
    """Draws the gate's gain above and the p99 latency below, in order of arrival."""
    figure, grid = _figure(len(BATCH_SIZES), width=5.4)
    first, last, n = drift.bounds(runs.lab)
    for axes, b in zip(grid.T, BATCH_SIZES, strict=True):
        _gain(axes[0], runs, b)
        for name in drift.NAMES:
            _moving(axes[1], runs, name, b)
        axes[0].set(
            title=f"B = {b}, load {drift.LOADS[0]:g}", ylabel="the gate's gain", ylim=(0.9, None)
        )
        axes[1].set(xlabel="requests that have arrived", ylabel="p99 of the last 1,000, s", ylim=0)
        axes[0].text((first + last) / 2, 1.6, "closed", ha="center")
        for axis in axes:
            axis.set_xlim(0, n)
            axis.xaxis.set_major_formatter("{x:,.0f}")
            axis.grid(alpha=0.3)
            for request in (first, last):
                axis.axvline(request, color="black", lw=0.8, ls=":")
    return _save(figure, grid[1][0], path)


def _gain(axis: Any, runs: Runs, b: int) -> None:
    """Draws a line for each seed; the spans with a closed gate lie over each other."""
    for found in drift.drifts(runs, b, drift.LOADS[0]):
        axis.plot(found.arrived, found.gain, color=STYLES["elastic bins"][0], lw=0.8)
        axis.fill_between(
            *(found.arrived, 0, 1),
            where=~found.is_open,
            transform=axis.get_xaxis_transform(),
            color="#d1583f",
            alpha=0.3 / runs.lab.seeds,
            lw=0,
        )
    for gain, words in ((mb.Gate.CLOSES_AT, "CLOSES_AT"), (mb.Gate.OPENS_AT, "OPENS_AT")):
        axis.axhline(gain, color="black", lw=0.8, ls="--")
        side = "bottom" if words == "OPENS_AT" else "top"
        axis.annotate(f" {words} {gain:.2f}", (0, gain), va=side, fontsize=8)


def _moving(axis: Any, runs: Runs, name: str, b: int, window: int = 1000) -> None:
    """Draws the p99 of the last requests of all seeds together, every 100 arrivals."""
    found = drift.latencies(runs, name, b, drift.LOADS[0])
    windows = sliding_window_view(found, window, axis=1)[:, ::100]
    ends = window + 100 * np.arange(windows.shape[1])
    colour, line = DRIFT_STYLES[name]
    p99 = np.quantile(windows, 0.99, axis=(0, 2))
    axis.plot(ends, p99, line, color=colour, label=name, lw=1.4)


def _save(figure: Any, labelled: Any, path: Path) -> Path:
    handles, labels = labelled.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=6, fontsize=8, frameon=False)
    figure.savefig(path, dpi=80)
    return path
