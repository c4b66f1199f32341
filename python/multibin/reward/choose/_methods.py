"""The ways to choose, for many questions at once."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from multibin import _args
from multibin.reward.choose._problem import MISSING, Table
from multibin.reward.choose._vote import TOLERANCE

__all__ = ["METHODS", "WEIGHTLESS", "check_weights", "hits"]

Bools: TypeAlias = NDArray[np.bool_]


def hits(how: str, table: Table) -> Bools:
    """Returns whether each question's choice is its correct answer, shape ``[questions]``."""
    return BY_NAME[how](table)


def check_weights(how: str, table: Table) -> None:
    """Raises a ``ValueError`` for a negative weight in a weighted majority vote."""
    negative = table.weights < 0
    if how == "weighted_majority_vote" and negative.any():
        i, k = (int(at) for at in np.argwhere(negative)[0])
        name = f"problems[{i}].scores[{k}]"
        raise ValueError(_args.sentence(name, "at least 0 when aggregated", table.weights[i, k]))


def _voted(table: Table) -> Bools:
    """Votes as `weighted_majority_vote` does: the first of the tied answers wins."""
    codes, found = table.codes, table.codes != MISSING
    rows = np.arange(len(codes))[:, None]
    width = int(codes.max(initial=0)) + 1
    cells = (rows * width + codes)[found]
    sums = np.bincount(cells, table.weights[found], minlength=len(codes) * width)
    each = np.where(found, sums.reshape(-1, width)[rows, codes], -np.inf)
    slack = TOLERANCE * np.where(found, table.weights, 0.0).sum(1)
    least = each.max(1) - slack
    return _are_correct(table, (each >= least[:, None]).argmax(1))


def _best(table: Table) -> Bools:
    """Takes the heaviest candidate with an answer, the first of equals."""
    return _are_correct(table, np.where(table.codes == MISSING, -np.inf, table.weights).argmax(1))


def _any(table: Table) -> Bools:
    """Knows the correct answer: the bound of every way to choose."""
    return np.asarray((table.codes == table.correct[:, None]).any(1))


def _are_correct(table: Table, index: NDArray[np.intp]) -> Bools:
    chosen = np.take_along_axis(table.codes, index[:, None], 1)[:, 0]
    return np.asarray(chosen == table.correct)


BY_NAME: dict[str, Callable[[Table], Bools]] = {
    "majority_vote": _voted,
    "weighted_majority_vote": _voted,
    "best_of_n": _best,
    "any_correct": _any,
}

METHODS = (*BY_NAME,)
"""The names of the ways to choose."""

WEIGHTLESS = ("majority_vote", "any_correct")
"""Those that read no scores."""
