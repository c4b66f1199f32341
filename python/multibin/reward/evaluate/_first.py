"""The first wrong step by a threshold, and the threshold that finds it best."""

from __future__ import annotations

from collections.abc import Sequence
from typing import overload

import numpy as np
from numpy.typing import ArrayLike

from multibin import _args
from multibin._args import Floats, Ints
from multibin.reward.choose._ragged import Ragged, is_row, ragged
from multibin.reward.evaluate._rows import listed

__all__ = ["best_threshold", "check_labels", "first_error", "first_errors", "harmonic"]

NONE = -1
"""The label and the prediction of a solution without a wrong step."""


@overload
def first_error(
    scores: Sequence[Sequence[float]] | Sequence[Floats], threshold: float = 0.5
) -> Ints: ...
@overload
def first_error(scores: Floats | Sequence[float], threshold: float = 0.5) -> int: ...
@overload
def first_error(scores: ArrayLike | Sequence[ArrayLike], threshold: float = 0.5) -> int | Ints: ...


def first_error(scores: ArrayLike | Sequence[ArrayLike], threshold: float = 0.5) -> int | Ints:
    """Returns the index of the first step whose score is below the threshold, or −1.

    Args:
        scores: scores of steps, shape ``[steps]``, or a sequence of such arrays. A sequence gives
            an array of indices, one a solution.
        threshold: the least score of a good step.

    Raises:
        ValueError: a solution has no steps, or a score or the threshold is not finite.

    >>> from multibin.reward.evaluate import first_error
    >>> first_error([0.9, 0.4, 0.2]), first_error([[0.5], [0.1, 0.9]]).tolist()
    (1, [-1, 0])
    """
    threshold = _args.number("threshold", threshold)
    found = first_errors(ragged("scores", scores), threshold)
    return int(found[0]) if is_row(scores) else found


def first_errors(rows: Ragged, threshold: float) -> Ints:
    """Returns the index of each row's first number below the threshold, or −1."""
    if not rows.sizes.size:
        return rows.sizes
    places = np.arange(rows.values.size) - np.repeat(rows.starts, rows.sizes)
    low = np.where(rows.values < threshold, places, rows.values.size)
    first = np.minimum.reduceat(low, rows.starts)
    return np.where(first < rows.values.size, first, NONE)


def best_threshold(scores: Sequence[ArrayLike], labels: ArrayLike) -> float:
    """Returns the threshold with the highest F1 of `process_bench` on a validation set.

    All thresholds are compared: predictions change only at the scores themselves. Of equals it is
    the middle of the widest range.

    Args:
        scores: scores of steps, an array a solution.
        labels: the index of each solution's first wrong step, or −1, shape ``[solutions]``.

    Raises:
        TypeError: the labels are no integers.
        ValueError: a label is no step of its solution, or there is no solution with, or none
            without, a wrong step.

    >>> from multibin.reward.evaluate import best_threshold
    >>> best_threshold([[0.9, 0.8], [0.9, 0.7, 0.1], [0.6, 0.9]], [-1, 2, -1])
    0.35
    """
    rows = ragged("scores", listed("scores", scores))
    known = check_labels(labels, rows.sizes)
    wrong = known != NONE
    if wrong.all() or not wrong.any():
        rule = "labels must have solutions with and without a wrong step"
        raise ValueError(f"{rule}, got {int(wrong.sum())} of {wrong.size} with one")
    above, until = _ranges(rows, known)
    ends = np.unique(np.concatenate([above, until]))
    ends = ends[np.isfinite(ends)]
    # Between two neighbours of `ends` no prediction changes: each range is known by its upper end.
    tops = np.append(ends, np.inf)
    f1 = harmonic(
        _share(tops, above[wrong], until[wrong]), _share(tops, above[~wrong], until[~wrong])
    )
    return _middle(ends, np.flatnonzero(f1 == f1.max()))


def check_labels(labels: ArrayLike, steps: Ints) -> Ints:
    """Returns labels from −1 to steps − 1, or raises an error that names the first bad one."""
    array = _args.vector("labels", labels)
    if array.dtype.kind not in "iu":
        raise TypeError(f"labels must have an integer dtype, got {array.dtype}")
    if array.size != steps.size:
        rule = f"one label for each of the {steps.size} solutions"
        raise ValueError(f"labels must have {rule}, got {array.size}")
    bad = (array < NONE) | (array >= steps)
    if bad.any():
        at = int(bad.argmax())
        rule = f"-1 or an index of the {int(steps[at])} steps"
        raise ValueError(_args.sentence(f"labels[{at}]", rule, int(array[at])))
    return array.astype(np.int64, copy=False)


def harmonic(one: Floats, other: Floats) -> Floats:
    """Returns the harmonic means of shares; 0 where both are 0."""
    total = one + other
    return np.divide(2 * one * other, total, out=np.zeros_like(total), where=total != 0)


def _ranges(rows: Ragged, labels: Ints) -> tuple[Floats, Floats]:
    """Returns the thresholds with the right prediction: above the first, up to the second.

    A solution that is right at no threshold has a first one that is not below its second.
    """
    above, until = np.full(labels.size, -np.inf), np.full(labels.size, np.inf)
    for i, (row, label) in enumerate(zip(rows.rows(), labels.tolist(), strict=True)):
        before = row if label == NONE else row[:label]
        until[i] = before.min(initial=np.inf)
        above[i] = -np.inf if label == NONE else row[label]
    return above, until


def _share(tops: Floats, above: Floats, until: Floats) -> Floats:
    """Returns the share of the ranges that each of ``tops`` is in."""
    valid = above < until
    begun = np.searchsorted(np.sort(above[valid]), tops, side="left")
    ended = np.searchsorted(np.sort(until[valid]), tops, side="left")
    return np.asarray((begun - ended) / above.size)


def _middle(ends: Floats, best: Ints) -> float:
    """Returns the middle of the widest of the ``best`` ranges; range i ends at ``ends[i]``."""
    inner = [int(i) for i in best if 0 < i < len(ends)]
    if not inner:
        return float(ends[0]) if best[0] == 0 else float(np.nextafter(ends[-1], np.inf))
    at = max(inner, key=lambda i: float(ends[i] - ends[i - 1]))
    middle = float(ends[at - 1] / 2 + ends[at] / 2)
    return middle if middle > ends[at - 1] else float(ends[at])
