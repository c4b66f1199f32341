"""Least squares without negative coefficients, beside the best of all sets of columns."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from multibin.costs._non_negative import non_negative

Floats = NDArray[np.float64]


def least_error(matrix: Floats, target: Floats) -> float:
    """Returns the least squared error over all sets of columns without a negative coefficient."""
    least = float(target @ target)
    for chosen in product((False, True), repeat=matrix.shape[1]):
        part = matrix[:, np.array(chosen)]
        found = np.linalg.lstsq(part, target, rcond=None)[0]
        if (found >= 0).all():
            least = min(least, float(((part @ found - target) ** 2).sum()))
    return least


@given(st.integers(0, 10_000), st.integers(1, 5), st.integers(1, 12))
def test_it_is_the_best_of_all_sets_of_columns(seed: int, columns: int, lines: int) -> None:
    rng = np.random.default_rng(seed)
    matrix, target = rng.normal(size=(lines, columns)), rng.normal(size=lines)
    found = non_negative(matrix, target)
    assert (found >= 0).all()
    error = float(((matrix @ found - target) ** 2).sum())
    assert error <= least_error(matrix, target) + 1e-5 * float(target @ target)


def test_columns_of_unlike_sizes_are_told_apart() -> None:
    rows = np.arange(1.0, 30)
    matrix = np.stack([np.ones_like(rows), rows, rows**4], axis=1)
    assert non_negative(matrix, matrix @ [2.0, 0.0, 1e-6]) == pytest.approx(
        np.array([2.0, 0.0, 1e-6]), rel=1e-4, abs=1e-6
    )


def test_alike_and_empty_columns_are_no_trouble() -> None:
    matrix = np.array([[1.0, 1.0, 0.0], [2.0, 2.0, 0.0]])
    found = non_negative(matrix, np.array([3.0, 6.0]))
    assert found[0] + found[1] == pytest.approx(3.0)
    assert found[2] == 0.0
