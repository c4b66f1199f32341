"""Checks that scores belong to rows, or to labels."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from multibin import _args
from multibin._args import Floats, Ints
from multibin.reward.choose._ragged import Ragged, is_row, ragged

__all__ = ["check_steps", "listed", "scored"]


def listed(name: str, scores: Sequence[ArrayLike]) -> Sequence[ArrayLike]:
    """Returns ``scores``, or raises a ``ValueError`` if they are not an array a solution."""
    if is_row(scores):
        raise ValueError(_args.sentence(name, "a sequence of arrays, one a solution", scores))
    return scores


def check_steps(given: Ragged, steps: Ints) -> None:
    """Raises a ``ValueError`` unless there is one score for each step of each row."""
    if given.sizes.size != steps.size:
        rule = f"one array for each of the {steps.size} rows"
        raise ValueError(f"scores must have {rule}, got {given.sizes.size}")
    bad = given.sizes != steps
    if bad.any():
        at = int(bad.argmax())
        rule = f"one score for each of the {int(steps[at])} steps"
        raise ValueError(f"scores[{at}] must have {rule}, got {int(given.sizes[at])}")


def scored(
    scores: ArrayLike | Sequence[ArrayLike], labels: ArrayLike | Sequence[ArrayLike]
) -> tuple[Floats, NDArray[np.bool_]]:
    """Returns the scores of all steps, and whether each is good, shape ``[steps]`` both.

    Raises:
        ValueError: the two differ in shape, or a label is neither 1 (True) nor 0 (False).
    """
    given, known = ragged("scores", scores), ragged("labels", labels)
    if given.sizes.tolist() != known.sizes.tolist():
        rule = f"one label for each of the {given.values.size} scores, row by row"
        raise ValueError(f"labels must have {rule}, got {known.values.size}")
    bad = (known.values != 0) & (known.values != 1)
    if bad.any():
        raise ValueError(_args.sentence("labels", "0 or 1", float(known.values[bad.argmax()])))
    return given.values, known.values == 1
