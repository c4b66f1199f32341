"""The figure of the page. It needs matplotlib."""

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

STYLES = {
    Size(2, 2): ("o", "#999999"),
    Size(8, 16): ("s", "#2b6cb0"),
    Size(32, 16): ("^", "#3aa6a0"),
    Size(32, 64): ("v", "#8fb339"),
    Size(512, 16): ("D", "#e0a030"),
    Size(1024, 2): ("P", "#7b5ea7"),
    Size(1024, 256): ("*", "#d1583f"),
}
"""The marks and colours of batch sizes and bins."""
LOW = 0.8
"""Multiple of the true gain below which a reading is marked as too low."""
TICKS = (1, 1.5, 2, 3, 5, 10, 20)
ERRORS = (None, 3.0, 2.0, 1.5, 1.0, 0.7, 0.5, 0.3, 0.15, 0.0)
WINDOWS = 3
"""Windows after which a gate is read."""


def draw(scale: Scale, folder: Path) -> Path:
    """Draws what gates read against what is true, and returns the file."""
    # Without pyplot: the figure needs no display.
    from matplotlib.figure import Figure

    figure = Figure(figsize=(12, 4.6), layout="constrained")
    grid = figure.subplots(1, len(SHAPES))
    for axis, shape in zip(grid, SHAPES, strict=True):
        _shape(axis, scale, shape)
    grid[0].set_ylabel("gain, measured")
    handles, labels = grid[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=7, fontsize=8, frameon=False)
    path = folder / "gain.png"
    figure.savefig(path, dpi=90)
    return path


def _shape(axis: Any, scale: Scale, shape: str) -> None:
    sizes = scale.few(tuple(STYLES))
    cells = [Cell(shape, size, error) for size, error in product(sizes, ERRORS)]
    true, read = (np.array(each(cells, of)) for of in (_true(scale), _readings(scale)))
    for size in sizes:
        own = [cell.size == size for cell in cells]
        _size(axis, size, true[own], read[own])
    _lines(axis, np.array([0.93, 1.2 * max(true.max(), read.max())]))
    axis.set(title=shape, xlabel="gain, true")


def _size(axis: Any, size: Size, true: NDArray[np.float64], read: NDArray[np.float64]) -> None:
    """Draws the mean of the seeds, with a bar from the least to the greatest."""
    mean, (mark, colour) = read.mean(axis=1), STYLES[size]
    reach = np.array([mean - read.min(axis=1), read.max(axis=1) - mean])
    label = f"B = {size.batch_size}, {size.bins} bins"
    ends = {"color": colour, "lw": 1.0, "capsize": 2}
    axis.errorbar(true, mean, reach, None, mark, ms=5, alpha=0.8, label=label, **ends)
    if mean[-1] < LOW * true[-1]:
        words = f"{mean[-1] / true[-1]:.0%} of the gain".replace("%", " %")
        arrow = {"arrowstyle": "-", "lw": 0.6, "color": colour}
        place = {"textcoords": "axes fraction", "ha": "right", "fontsize": 8, "arrowprops": arrow}
        axis.annotate(words, (true[-1], mean[-1]), (0.98, 0.35), **place)


def _lines(axis: Any, ends: NDArray[np.float64]) -> None:
    """Draws the diagonal, and the gains at which the gate opens and closes."""
    axis.set(xscale="log", yscale="log", xlim=ends, ylim=ends)
    axis.plot(ends, ends, color="black", lw=0.8, zorder=0)
    for gain, words in ((mb.Gate.CLOSES_AT, "CLOSES_AT"), (mb.Gate.OPENS_AT, "OPENS_AT")):
        axis.axhline(gain, color="black", lw=0.5, ls="--")
        side = "bottom" if words == "OPENS_AT" else "top"
        axis.annotate(f"{words} {gain:.2f} ", (ends[1], gain), ha="right", va=side, fontsize=7)
    for which in (axis.xaxis, axis.yaxis):
        which.set_ticks([tick for tick in TICKS if tick < ends[1]])
        which.set_major_formatter("{x:g}")
        which.set_minor_formatter("")
    axis.grid(alpha=0.3)


def _true(scale: Scale) -> Any:
    """Returns the true gain of a cell, 1 for useless predictions.

    There the formula is too high if a bin has few pairs.
    """
    return lambda cell: 1.0 if cell.error is None else scale.lab.gain(cell)


def _readings(scale: Scale) -> Any:
    """Returns a reading for each seed."""

    def read(cell: Cell) -> list[float]:
        feeds = [Feed(scale.lab, cell, seed) for seed in range(scale.seeds)]
        return [float(feed.read(cell.error, WINDOWS)[-1]) for feed in feeds]

    return read
