"""The figure of the page. Needs matplotlib."""

from __future__ import annotations

from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
from benches.gate.fed import Feed
from benches.gate.model import SHAPES, Cell, Size
from benches.gate.scale import Scale, each
from numpy.typing import NDArray

import multibin as mb

__all__ = ["draw"]

COLOURS = {"log-normal": "#2b6cb0", "uniform": "#d1583f", "bimodal": "#3aa6a0"}
MARKS = {
    Size(2, 2): "o",
    Size(8, 16): "s",
    Size(32, 16): "^",
    Size(32, 64): "v",
    Size(512, 16): "D",
    Size(1024, 2): "P",
    Size(1024, 256): "*",
}
CONSERVATIVE = Size(1024, 256)
ERRORS = (None, 3.0, 2.0, 1.5, 1.0, 0.7, 0.5, 0.3, 0.15, 0.0)
WINDOWS = 3
"""After which a gate is read."""


def draw(scale: Scale, folder: Path) -> Path:
    """What gates read, against what is true. Says which file."""
    # Not pyplot: a figure of its own needs no display.
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10.5, 4.2), layout="constrained")
    grid = figure.subplots(1, len(SHAPES), sharex=True, sharey=True)
    for axis, shape in zip(grid, SHAPES, strict=True):
        _shape(axis, scale, shape)
    grid[0].set_ylabel("gain, measured")
    handles, labels = grid[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=4, fontsize=8, frameon=False)
    path = folder / "gain.png"
    figure.savefig(path, dpi=90)
    return path


def _shape(axis: Any, scale: Scale, shape: str) -> None:
    sizes = scale.few(tuple(MARKS))
    cells = [Cell(shape, size, error) for size, error in product(sizes, ERRORS)]
    true, read = (np.array(each(cells, of)) for of in (_true(scale), _readings(scale)))
    for size in sizes:
        own = [cell.size == size for cell in cells]
        _size(axis, size, true[own], read[own], COLOURS[shape])
    ends = np.array([0.9, 20])
    axis.plot(ends, ends, color="black", lw=0.8)
    for gain, words in ((mb.Gate.CLOSE, "CLOSE"), (mb.Gate.OPEN, "OPEN")):
        axis.axhline(gain, color="black", lw=0.5, ls="--")
        side = "bottom" if words == "OPEN" else "top"
        axis.annotate(f"{words} {gain:.2f}", (20, gain), ha="right", va=side, fontsize=7)
    axis.set(xscale="log", yscale="log", xlim=ends, ylim=ends, title=shape, xlabel="gain, true")
    for which in (axis.xaxis, axis.yaxis):
        which.set_major_formatter("{x:g}")
        which.set_ticks([1, 2, 5, 10, 20])
        which.set_minor_formatter("")


def _size(
    axis: Any, size: Size, true: NDArray[np.float64], read: NDArray[np.float64], colour: str
) -> None:
    """The mean of the seeds, and from the least to the greatest."""
    mean = read.mean(axis=1)
    reach = np.abs(read.T[[0, 0]] * 0 + [read.min(axis=1), read.max(axis=1)] - mean)
    axis.errorbar(
        *(true, mean, reach, None, MARKS[size]),
        color=colour,
        alpha=0.75,
        ms=5 if size != CONSERVATIVE else 8,
        lw=0.8,
        label=f"B = {size.batch_size}, {size.bins} bins",
    )
    if size == CONSERVATIVE:
        at = (true[-1], mean[-1])
        axis.annotate("too low", at, (4, -12), textcoords="offset points", fontsize=8)


def _true(scale: Scale) -> Any:
    """Useless predictions gain nothing: the formula is too high where a bin has few pairs."""
    return lambda cell: 1.0 if cell.error is None else scale.lab.gain(cell)


def _readings(scale: Scale) -> Any:
    """One a seed."""

    def read(cell: Cell) -> list[float]:
        feeds = [Feed(scale.lab, cell, seed) for seed in range(scale.seeds)]
        return [float(feed.read(cell.error, WINDOWS)[-1]) for feed in feeds]

    return read
