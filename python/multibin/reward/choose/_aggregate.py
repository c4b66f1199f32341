"""Makes one score of the scores of a candidate's steps."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import overload

import numpy as np
from numpy.typing import ArrayLike

from multibin import _args
from multibin._args import Floats
from multibin.reward.choose._ragged import Ragged, is_row, ragged

__all__ = ["AGGREGATES", "aggregate"]

BY_NAME: dict[str, Callable[[Ragged], Floats]] = {
    "min": lambda rows: np.minimum.reduceat(rows.values, rows.starts),
    "mean": lambda rows: np.add.reduceat(rows.values, rows.starts) / rows.sizes,
    "product": lambda rows: np.multiply.reduceat(rows.values, rows.starts),
    "last": lambda rows: rows.values[rows.starts + rows.sizes - 1],
    "max": lambda rows: np.maximum.reduceat(rows.values, rows.starts),
    "sum": lambda rows: np.add.reduceat(rows.values, rows.starts),
}

AGGREGATES = (*BY_NAME,)
"""The names of the aggregates."""


@overload
def aggregate(scores: Sequence[Sequence[float]] | Sequence[Floats], how: str = "min") -> Floats: ...
@overload
def aggregate(scores: Floats | Sequence[float], how: str = "min") -> float: ...
@overload
def aggregate(scores: ArrayLike | Sequence[ArrayLike], how: str = "min") -> float | Floats: ...


def aggregate(scores: ArrayLike | Sequence[ArrayLike], how: str = "min") -> float | Floats:
    """Returns one score for the steps of a candidate, or an array of them for many candidates.

    Args:
        scores: scores of steps, shape ``[steps]``, or a sequence of such arrays, one a candidate.
        how: "min", "mean", "product", "last", "max" or "sum". VersaPRM (arXiv 2502.06737) finds
            "min" best over all domains. A long "product" of shares underflows to 0.

    Raises:
        ValueError: ``how`` is none of these, a candidate has no steps, or a score is not finite.

    >>> from multibin.reward.choose import aggregate
    >>> aggregate([0.75, 0.5, 1.0]), aggregate([0.75, 0.5, 1.0], "product")
    (0.5, 0.375)
    >>> aggregate([[0.75, 0.5], [1.0]], "mean").tolist()
    [0.625, 1.0]
    """
    _args.one_of("how", how, AGGREGATES)
    rows = ragged("scores", scores)
    if is_row(scores):
        return float(BY_NAME[how](rows)[0])
    return BY_NAME[how](rows) if rows.sizes.size else rows.values
