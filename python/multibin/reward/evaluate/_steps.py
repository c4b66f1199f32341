"""How well scores tell good steps from bad ones, and how far they are probabilities."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from multibin import _args
from multibin._args import Floats, Ints
from multibin.reward.evaluate._rows import scored

__all__ = ["Calibration", "calibration", "step_auc"]


def step_auc(
    scores: ArrayLike | Sequence[ArrayLike], labels: ArrayLike | Sequence[ArrayLike]
) -> float:
    """Returns the probability that a good step scores above a bad one; a tie counts one half.

    It is the area under the ROC curve, by the ranks of Mann and Whitney.

    Args:
        scores: of all steps, shape ``[steps]``, or an array a solution.
        labels: 1 or True for a good step, 0 or False for a bad one, in the shape of ``scores``.

    Raises:
        ValueError: the shapes differ, a score is not finite, a label is neither 0 nor 1, or all
            steps have one label.

    >>> from multibin.reward.evaluate import step_auc
    >>> step_auc([[0.9, 0.4], [0.4, 0.1]], [[1, 1], [0, 0]])
    0.875
    """
    values, good = scored(scores, labels)
    goods, bads = int(good.sum()), int((~good).sum())
    if not goods or not bads:
        raise ValueError(f"labels must have good and bad steps, got {goods} good and {bads} bad")
    return float((_ranks(values)[good].sum() - goods * (goods + 1) / 2) / (goods * bads))


def _ranks(values: Floats) -> Floats:
    """Returns the ranks from 1 on; equal values share the mean of their ranks."""
    _, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    return np.asarray((last - (counts - 1) / 2)[inverse])


@dataclass(frozen=True, eq=False)
class Calibration:
    """A reliability table: bins of equal width from 0 to 1, and the errors over all steps.

    >>> from multibin.reward.evaluate import calibration
    >>> found = calibration([0.1, 0.9, 0.8, 0.7], [0, 1, 1, 0], bins=2)
    >>> found.counts.tolist(), found.good.round(2).tolist(), round(found.expected_error, 3)
    ([1, 3], [0.0, 0.67], 0.125)
    """

    edges: Floats
    """The bounds of the bins, shape ``[bins + 1]``; a score on a bound is in the upper bin."""
    counts: Ints
    """Steps of each bin, shape ``[bins]``."""
    scores: Floats
    """The mean score in each bin, NaN in an empty one."""
    good: Floats
    """The share of good steps in each bin, NaN in an empty one."""
    expected_error: float
    """The mean of |score − share of good steps| of the bins, weighed by their steps (ECE)."""
    brier: float
    """The mean squared difference of a score and its label."""

    def table(self) -> str:
        """Returns the bins as a Markdown table.

        >>> from multibin.reward.evaluate import calibration
        >>> print(calibration([0.1, 0.9], [0, 1], bins=2).table())
        | score | steps | mean score | good |
        |---|---:|---:|---:|
        | 0 to 0.5 | 1 | 0.100 | 0.000 |
        | 0.5 to 1 | 1 | 0.900 | 1.000 |
        """
        lines = ["| score | steps | mean score | good |", "|---|---:|---:|---:|"]
        for i, count in enumerate(self.counts):
            means = f"{self.scores[i]:.3f} | {self.good[i]:.3f}" if count else " | "
            lines.append(f"| {self.edges[i]:g} to {self.edges[i + 1]:g} | {count} | {means} |")
        return "\n".join(lines)


def calibration(
    scores: ArrayLike | Sequence[ArrayLike],
    labels: ArrayLike | Sequence[ArrayLike],
    bins: int = 10,
) -> Calibration:
    """Returns how the scores of steps compare with the shares of good steps.

    Args:
        scores: of all steps, from 0 to 1, shape ``[steps]``, or an array a solution.
        labels: 1 or True for a good step, 0 or False for a bad one, in the shape of ``scores``.
        bins: of equal width.

    Raises:
        TypeError: ``bins`` is no int.
        ValueError: the shapes differ, a score is not between 0 and 1, or a label neither 0 nor 1.

    >>> from multibin.reward.evaluate import calibration
    >>> calibration([[0.5, 0.5], [1.0]], [[1, 0], [1]]).expected_error
    0.0
    """
    bins = _args.integer("bins", bins, 1)
    values, good = scored(scores, labels)
    _args.require("scores", values, (values >= 0) & (values <= 1), "between 0 and 1")
    edges = np.linspace(0, 1, bins + 1)
    which = np.searchsorted(edges[1:-1], values, side="right")
    counts = np.bincount(which, minlength=bins).astype(np.int64)
    score = np.bincount(which, values, bins).astype(np.float64)
    share = np.bincount(which, good, bins).astype(np.float64)
    return Calibration(
        edges=edges,
        counts=counts,
        scores=_means(score, counts),
        good=_means(share, counts),
        expected_error=float(np.abs(score - share).sum() / values.size),
        brier=float(np.mean((values - good) ** 2)),
    )


def _means(sums: Floats, counts: Ints) -> Floats:
    means: Floats = np.divide(sums, counts, out=np.full(sums.shape, np.nan), where=counts > 0)
    return means
