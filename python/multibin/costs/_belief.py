"""What batches cost, by the batches that ran: a sum of terms, corrected where batches differ."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from multibin.costs._history import History
from multibin.costs._non_negative import non_negative

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["Belief", "believe"]

Floats = NDArray[np.float64]

ROUNDS = 4
"""Times that the weights of outliers are computed."""

HUBER = 1.5
"""Deviations, in standard widths, from which on a batch weighs less."""

NARROWEST = 0.03
"""The least standard width of log seconds."""

SPREAD = 0.35
"""The width of a correction, in doublings of rows and of lengths."""

PRIOR = 4.0
"""Batches that the sum of terms counts for in a correction."""


@dataclass(frozen=True, eq=False)
class Belief:
    """Seconds of a batch by its rows and its longest length."""

    coefficients: Floats
    """Of ``_terms``."""
    points: Floats
    """Where corrections are known: log₂ rows and log₂ longest; ``[points, 2]``."""
    logs: Floats
    """At each point, the weighted sum of log (seconds ÷ sum of terms)."""
    weights: Floats
    """At each point, the sum of the weights."""
    width: float
    """The standard width of log seconds."""

    def seconds(self, rows: Floats, longest: Floats) -> Floats:
        """Returns the seconds of batches; the arrays have one shape ``[n]``."""
        at = _places(rows, longest)
        squares = ((at[:, None, :] - self.points[None, :, :]) ** 2).sum(axis=2)
        near = np.exp(-squares / (2 * SPREAD**2))
        logs = (near @ self.logs) / (near @ self.weights + PRIOR)
        seconds: Floats = (_terms(rows, longest) @ self.coefficients) * np.exp(logs)
        return seconds

    def grid(self, rows: Sequence[int], lengths: Sequence[int]) -> Floats:
        """Returns the seconds on a grid, shape ``[rows, lengths]``."""
        r = np.repeat(np.array(rows, float), len(lengths))
        found = self.seconds(r, np.tile(np.array(lengths, float), len(rows)))
        return found.reshape(len(rows), len(lengths))


def believe(history: History) -> Belief:
    """Fits the terms and the corrections to the batches."""
    coefficients, weight, width = _fitted(history)
    rows, longest = history.rows, history.longest
    off = np.log(history.seconds / (_terms(rows, longest) @ coefficients))
    points, index = np.unique(np.round(2 * _places(rows, longest)) / 2, axis=0, return_inverse=True)
    index = index.reshape(-1)
    return Belief(
        coefficients,
        points,
        _sums(index, weight * off, len(points)),
        _sums(index, weight, len(points)),
        width,
    )


def _sums(index: NDArray[np.int64], values: Floats, count: int) -> Floats:
    """Returns the sum of the values of each index."""
    sums = np.zeros(count)
    np.add.at(sums, index, values)
    return sums


def _fitted(history: History) -> tuple[Floats, Floats, float]:
    """Returns the coefficients, the weight of each batch, and the standard width of log seconds.

    The squares are of relative deviations: noise grows with the seconds. At first they are relative
    to the measured seconds, so that a batch that was held up hardly counts. Then they are relative
    to the fitted seconds, and outliers weigh less (Huber, 1964).
    """
    terms, seconds = _terms(history.rows, history.longest), history.seconds
    weight, scale, width = history.weight, seconds, 0.0
    for _ in range(ROUNDS):
        root = np.sqrt(weight) / scale
        coefficients = non_negative(terms * root[:, None], seconds * root)
        scale = np.maximum(terms @ coefficients, 1e-12)
        off = np.abs(np.log(seconds / scale))
        width = max(1.4826 * _median(off, history.weight), NARROWEST)
        weight = history.weight * np.minimum(1.0, HUBER * width / np.maximum(off, 1e-12))
    return np.maximum(coefficients, _least(scale)), weight, width


def _least(scale: Floats) -> Floats:
    """Returns coefficients so small that they only keep every sum above 0."""
    return np.array([1e-9 * float(scale.min()), 0, 0, 0, 0, 0])


def _median(values: Floats, weights: Floats) -> float:
    order = np.argsort(values)
    sums = np.cumsum(weights[order])
    return float(values[order][np.searchsorted(sums, sums[-1] / 2)])


def _terms(rows: Floats, longest: Floats) -> Floats:
    """Returns what the coefficients multiply, a batch a line."""
    tokens = rows * longest
    one = np.ones_like(rows)
    return np.stack([one, rows, longest, tokens, longest**2, tokens * longest], axis=1)


def _places(rows: Floats, longest: Floats) -> Floats:
    return np.stack([np.log2(rows), np.log2(np.maximum(longest, 1.0))], axis=1)
