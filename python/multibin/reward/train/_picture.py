"""The picture of a training run. It needs the extra ``plot`` (matplotlib)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from multibin._args import sentence
from multibin._canvas import canvas, check_installed, check_target, save
from multibin.reward.train._history import History

__all__ = ["draw"]

WINDOWS = 20
"""A mean of the training loss covers this part of the run."""


def draw(history: History, path: Path) -> None:
    """Draws the losses, and below them the AUC where there is a validation."""
    check_target(path, "path")
    if not history.losses:
        raise ValueError(sentence("losses", "at least one to draw", history.losses))
    check_installed()
    figure = canvas(8, 5)
    measured = any(each.auc is not None for each in history.validations)
    axes = figure.subplots(1 + measured, sharex=True, squeeze=False)[:, 0]
    _draw_losses(axes[0], history)
    if measured:
        _draw_auc(axes[1], history)
    axes[-1].set_xlabel("optimiser steps")
    save(figure, path)


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
