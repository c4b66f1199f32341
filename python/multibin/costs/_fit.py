"""Fits the linear model that is nearest to a table."""

from __future__ import annotations

from itertools import compress, product

import numpy as np
from numpy.typing import NDArray

__all__ = ["nearest"]

Floats = NDArray[np.float64]

NAMES = ("fixed", "prompt_token", "moved_row", "step", "row_step", "kv_token")


def nearest(
    rows: NDArray[np.int64], tokens: NDArray[np.int64], step: Floats, prefill: Floats, move: Floats
) -> tuple[dict[str, float], float]:
    """Returns the coefficients by name, and the largest relative deviation of a point."""
    seconds = np.concatenate([step.ravel(), prefill.ravel(), move.ravel()])
    largest = seconds.max()
    if largest == 0:
        return dict.fromkeys(NAMES, 0.0), 0.0
    scale = np.where(seconds > 0, seconds, largest)
    matrix = _terms(rows, tokens) / scale[:, None]
    solution = _non_negative(matrix, seconds / scale)
    worst = np.abs(matrix @ solution - seconds / scale).max()
    return dict(zip(NAMES, solution.tolist(), strict=True)), float(worst)


def _terms(rows: NDArray[np.int64], tokens: NDArray[np.int64]) -> Floats:
    """Returns how often the points of step, prefill and move pay each coefficient, a point a line.

    A row with c tokens in its cache feeds one more, and a step reads all c + 1 of them. A prefill
    includes the first step.
    """
    r = np.repeat(rows.astype(np.float64), len(tokens))
    c = np.tile(tokens.astype(np.float64), len(rows))
    one, none = np.ones_like(r), np.zeros_like(r)
    step = [none, none, none, one, r, r * (c + 1)]
    prefill = [one, r * c, none, one, r, r * c]
    move = [one, none, r, none, none, none]
    return np.concatenate([np.stack(terms, axis=1) for terms in (step, prefill, move)])


def _non_negative(matrix: Floats, target: Floats) -> Floats:
    """Returns the solution of least squares without negative coefficients.

    It solves the unconstrained problem for each set of terms and takes the best. On its own support
    the constrained solution is the unconstrained one (Lawson and Hanson, 1974, theorem 23.4).
    """
    size = matrix.shape[1]
    best, least = np.zeros(size), float(target @ target)
    for chosen in product((False, True), repeat=size):
        columns = list(compress(range(size), chosen))
        part = matrix[:, columns]
        found = _least_squares(part, target)
        error = float(((part @ found - target) ** 2).sum())
        if (found >= 0).all() and error < least:
            best, least = np.zeros(size), error
            best[columns] = found
    return best


def _least_squares(matrix: Floats, target: Floats) -> Floats:
    # Terms differ in size: tokens beside batches.
    size = np.sqrt((matrix**2).sum(axis=0))
    size[size == 0] = 1.0
    solution: Floats = np.linalg.lstsq(matrix / size, target, rcond=None)[0] / size
    return solution
