"""The canvas of all pictures. It needs the extra ``plot`` (matplotlib)."""

from __future__ import annotations

import importlib.util
import os
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING, Any

from multibin import _args

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["FORMATS", "canvas", "check_installed", "check_target", "save", "title"]

FORMATS = (".png", ".pdf", ".svg")

DPI = 110

COLUMNS = 95
"""Letters of a line of a title."""


def check_target(path: str | Path, name: str = "plot") -> None:
    """Raises now what would go wrong after a long run; `name` is that of the argument.

    Raises:
        ValueError: the file cannot be written, or its name does not end in .png, .pdf or .svg.
    """
    path = Path(path)
    if path.suffix not in FORMATS:
        raise ValueError(_args.sentence(name, f"a name in {', '.join(FORMATS)}", str(path)))
    if path.is_dir() or not os.access(path if path.exists() else path.parent, os.W_OK):
        raise ValueError(_args.sentence(name, "a file that can be written", str(path)))


def check_installed() -> None:
    """Raises a ``ModuleNotFoundError`` without matplotlib."""
    if importlib.util.find_spec("matplotlib") is None:
        raise ModuleNotFoundError("pictures need matplotlib: install multibin[plot]")


def canvas(width: float, height: float) -> Figure:
    """Returns an empty figure of this size in inches."""
    # Without pyplot: the figure needs no display and leaves the caller's state alone.
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def title(axes: Any, text: str, size: float = 10) -> None:
    """Sets a title on the left, in lines of equal width."""
    axes.set_title(textwrap.fill(text, COLUMNS), loc="left", fontsize=size)


def save(figure: Figure, path: str | Path) -> None:
    """Writes the figure to a file of any of ``FORMATS``."""
    figure.savefig(path, dpi=DPI)
