"""Least squares without negative coefficients."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["non_negative"]

Floats = NDArray[np.float64]

RIDGE = 1e-10
"""Share of a column's square that is added to it, so that alike columns have a solution."""


def non_negative(matrix: Floats, target: Floats) -> Floats:
    """Returns the non-negative x with the least ‖``matrix`` x − ``target``‖, shape ``[columns]``.

    It is the active-set method of Lawson and Hanson (1974, chapter 23) on the normal equations.
    Columns without a positive number get 0.
    """
    size = np.sqrt((matrix**2).sum(axis=0))
    size[size == 0] = 1.0
    scaled = matrix / size
    gram = scaled.T @ scaled + RIDGE * np.eye(matrix.shape[1])
    solution: Floats = _active_set(gram, scaled.T @ target) / size
    return solution


def _active_set(gram: Floats, right: Floats) -> Floats:
    x = np.zeros(len(right))
    free = np.zeros(len(right), bool)
    # Each turn lowers the error, so no set of free columns comes twice. The limit is for rounding.
    for _ in range(3 * len(right)):
        gradient = np.where(free, -np.inf, right - gram @ x)
        if gradient.max() <= 1e-9 * max(1.0, float(np.abs(right).max())):
            break
        free[gradient.argmax()] = True
        x = _settled(gram, right, x, free)
    return x


def _settled(gram: Floats, right: Floats, x: Floats, free: NDArray[np.bool_]) -> Floats:
    """Returns the solution on the free columns; binds those that would be negative."""
    while free.any():
        solution = np.zeros(len(x))
        solution[free] = np.linalg.solve(gram[np.ix_(free, free)], right[free])
        falls = free & (solution <= 0)
        if not falls.any():
            return solution
        step = float((x[falls] / (x[falls] - solution[falls])).min())
        x = np.maximum(x + step * (solution - x), 0.0)
        free &= ~(falls & (x <= 1e-15))
    return x
