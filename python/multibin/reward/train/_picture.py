"""The picture of a training run. It needs the extra ``plot`` (matplotlib)."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import numpy as np

from multibin._args import sentence
from multibin.reward.train._history import History

__all__ = ["draw"]

ENDINGS = (".png", ".pdf", ".svg")

WINDOWS = 20
"""A mean of the training loss covers this part of the run."""


def draw(history: History, path: Path) -> None:
    """Draws the losses, and below them the AUC where there is a validation."""
    if path.suffix not in ENDINGS:
        raise ValueError(sentence("path", f"a name in {', '.join(ENDINGS)}", str(path)))
    if not history.losses:
        raise ValueError(sentence("losses", "at least one to draw", history.losses))
    figure = _canvas()
    measured = any(each.auc is not None for each in history.validations)
    axes = figure.subplots(1 + measured, sharex=True, squeeze=False)[:, 0]
    _draw_losses(axes[0], history)
    if measured:
        _draw_auc(axes[1], history)
    axes[-1].set_xlabel("optimiser steps")
    figure.savefig(path, dpi=110)


def _canvas() -> Any:
    if importlib.util.find_spec("matplotlib") is None:
        raise ModuleNotFoundError("pictures need matplotlib: install multibin[plot]")
    # Without pyplot: the figure needs no display and leaves the caller's state alone.
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 5), layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def _draw_losses(axes: Any, history: History) -> None:
    steps = np.arange(1, history.steps + 1)
    axes.plot(steps, history.losses, alpha=0.3, label="training")
    width = max(1, history.steps // WINDOWS)
    means = np.convolve(history.losses, np.full(width, 1 / width), "valid")
    axes.plot(steps[width - 1 :], means, label=f"training, mean of {width}")
    places = [each.step for each in history.validations]
    if places:
        losses = [each.loss for each in history.validations]
        axes.plot(places, losses, "o-", label="validation")
    axes.set_ylabel("loss (nats a step)")
    axes.grid(alpha=0.3)
    axes.legend(fontsize=8)


def _draw_auc(axes: Any, history: History) -> None:
    known = [(each.step, each.auc) for each in history.validations if each.auc is not None]
    axes.plot(*zip(*known, strict=True), "o-")
    axes.set_ylabel("AUC of step scores")
    axes.grid(alpha=0.3)
