"""Draws the paper's Figs. 3, 4, 6, 8 and 9. It needs the extra ``plot`` (matplotlib)."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from multibin import _args, _canvas
from multibin._canvas import FORMATS, canvas, save, title
from multibin.lab import theory
from multibin.lab.paper._items import ERRORS, MINIMA, U
from multibin.lab.paper._lab import EXPONENTIAL, GSM8K, UNIFORM, Lab, Load, saturation

__all__ = ["check_target", "draw"]

COLOURS = ("#1a2a4f", "#2b6cb0", "#3aa6a0", "#8fb339", "#e0a030", "#d1583f")
"""Colours of curves 1, 2, 3 …: few bins dark, many bins warm."""

CUT = 2.0
"""A latency panel ends at this multiple of the highest of its curves' minima.

In overload the mean is that of the run's length, and with few requests that of the wait for a full
bin."""


@dataclass(frozen=True)
class Panel:
    """One pair of axes."""

    figure: int
    title: str
    y: str
    fill: Callable[[Any, Lab], None]
    x: str = "arrival rate λ, requests/s"


def check_target(target: str | Path) -> None:
    """Raises now what would go wrong after a long run.

    Raises:
        ModuleNotFoundError: matplotlib is missing.
        ValueError: the folder or file cannot be written, or the file's name does not end in .png,
            .pdf or .svg.
    """
    path = Path(target)
    if path.is_dir() or not path.suffix:
        _check_folder(path)
    else:
        _canvas.check_target(path)
    _canvas.check_installed()


def _check_folder(path: Path) -> None:
    where = path if path.exists() else path.parent
    if not (where.is_dir() and os.access(where, os.W_OK)):
        raise ValueError(_args.sentence("plot", "a folder that can be written", str(path)))


def draw(lab: Lab, target: str | Path) -> list[Path]:
    """Draws all figures and returns their files.

    A file gets all panels together. A folder, made if necessary, gets a file ``figure-N.png`` for
    each figure. Curves that the lab has are not simulated again.
    """
    path = Path(target)
    if path.suffix in FORMATS and not path.is_dir():
        return [_save(lab, PANELS, path)]
    path.mkdir(exist_ok=True)
    figures = dict.fromkeys(panel.figure for panel in PANELS)
    return [
        _save(lab, [panel for panel in PANELS if panel.figure == n], path / f"figure-{n}.png")
        for n in sorted(figures)
    ]


def _save(lab: Lab, panels: Sequence[Panel], path: Path) -> Path:
    columns = min(len(panels), 2)
    rows = len(panels) // columns
    figure = canvas(5.6 * columns, 3.6 * rows)
    for axes, panel in zip(figure.subplots(rows, columns, squeeze=False).flat, panels, strict=True):
        lab.report(f"figure {panel.figure}")
        panel.fill(axes, lab)
        _dress(axes, panel)
    save(figure, path)
    return path


def _dress(axes: Any, panel: Panel) -> None:
    title(axes, f"Fig. {panel.figure}: {panel.title}")
    axes.set_xlabel(panel.x)
    axes.set_ylabel(panel.y)
    axes.set_ylim(bottom=0)
    axes.legend(fontsize=8)


def _throughput(load: Load, bins: Sequence[int]) -> Callable[[Any, Lab], None]:
    def fill(axes: Any, lab: Lab) -> None:
        for k, colour in zip(bins, COLOURS, strict=False):
            curve = lab.curve(load, k)
            axes.plot(load.rates, curve.throughput, ".-", color=colour, label=f"k={k}")
            limit = saturation(load, load.edges(k))
            axes.axhline(limit, color=colour, linestyle=":", linewidth=1)
        axes.plot([], [], "k:", linewidth=1, label="saturation, closed form")

    return fill


def _latency(
    load: Load, bins: Sequence[int], paper: dict[int, tuple[float, float]] | None = None
) -> Callable[[Any, Lab], None]:
    def fill(axes: Any, lab: Lab) -> None:
        curves = [lab.curve(load, k).latency for k in bins]
        for k, latency, colour in zip(bins, curves, COLOURS, strict=False):
            axes.plot(load.rates, latency, ".-", color=colour, label=f"k={k}")
        if paper:
            _mark(axes, paper.values())
        axes.set_ylim(top=CUT * max(latency.min() for latency in curves))

    return fill


def _mark(axes: Any, points: Any) -> None:
    x, y = zip(*points, strict=True)
    axes.plot(x, y, "kx", label="the paper's", zorder=3)


def _equation_7(axes: Any, _: Lab) -> None:
    for k, colour in zip(MINIMA, COLOURS, strict=False):
        latency = theory.uniform_latency(k, **U, rate=UNIFORM.rates)
        axes.plot(UNIFORM.rates, latency, color=colour, label=f"k={k}")
    _mark(axes, [(4, 35.73), (4, 46.93), (4, 61.24)])


def _errors(axes: Any, _: Lab) -> None:
    pe: NDArray[np.float64] = np.linspace(0, 0.5, 201)
    for k, colour in zip(ERRORS, COLOURS, strict=False):
        rates = theory.uniform_throughput_with_errors(k, **U, pe=pe)
        axes.plot(pe, rates, color=colour, label=f"k={k}")
    _mark(axes, [cell for cells in ERRORS.values() for cell in cells.items()])


COMPLETIONS, FIVE = (1, 2, 4, 8, 16, 32), (1, 2, 3, 4, 5)

PANELS = (
    Panel(3, "U[1, 20] s, B=128, one server", "requests/s", _throughput(UNIFORM, FIVE)),
    Panel(8, "errors to a neighbouring bin", "requests/s", _errors, x="chance to each side, pe"),
    Panel(4, "there, one server", "mean latency, s", _latency(UNIFORM, (1, 2, 3), MINIMA)),
    Panel(4, "there, infinitely many servers, Eq. 7", "mean latency, s", _equation_7),
    Panel(6, "GSM8K answers, B=8, 8 servers", "requests/s", _throughput(GSM8K, COMPLETIONS)),
    Panel(6, "there", "mean latency, s", _latency(GSM8K, COMPLETIONS)),
    Panel(9, "exponential, μ=.1 /s, B=200", "requests/s", _throughput(EXPONENTIAL, FIVE)),
    Panel(9, "there", "mean latency, s", _latency(EXPONENTIAL, FIVE)),
)
