"""Intervals for means over questions."""

from __future__ import annotations

import numpy as np

from multibin._args import Floats, Ints

__all__ = ["RESAMPLES", "interval", "percentiles"]

RESAMPLES = 2000
"""Samples of questions that an interval is made of."""

AT_ONCE = 1 << 20
"""Draws of a question that are held at once."""


def interval(
    values: Floats, confidence: float, seed: int, groups: Ints | None = None
) -> tuple[Floats, Floats]:
    """Returns the ends of the percentile bootstrap's interval of each column's mean.

    Args:
        values: one row a problem, shape ``[problems, columns]``; a row's columns stay together.
        confidence: the share of the resampled means inside.
        seed: of the draws.
        groups: the number of each row's question, shape ``[problems]``. Questions are drawn with
            replacement, with all their rows. None: each row is a question of its own.

    Efron and Tibshirani, An Introduction to the Bootstrap, 13.3.
    """
    rng = np.random.default_rng(seed)
    sums, sizes = _grouped(values, np.arange(len(values)) if groups is None else groups)
    chunk = max(1, AT_ONCE // sizes.size)
    means = []
    for start in range(0, RESAMPLES, chunk):
        counts = _counts(rng, min(chunk, RESAMPLES - start), sizes.size)
        means.append(counts @ sums / (counts @ sizes)[:, None])
    return percentiles(np.concatenate(means), confidence)


def percentiles(samples: Floats, confidence: float) -> tuple[Floats, Floats]:
    """Returns the ends of the central ``confidence`` of each column of ``samples``."""
    tail = (1 - confidence) / 2
    low, high = np.quantile(samples, [tail, 1 - tail], axis=0)
    return low, high


def _counts(rng: np.random.Generator, rows: int, questions: int) -> Floats:
    """Returns how often each question is in each resample, shape ``[rows, questions]``."""
    picks = rng.integers(questions, size=(rows, questions))
    cells = (picks + np.arange(rows)[:, None] * questions).ravel()
    counts = np.bincount(cells, minlength=rows * questions)
    return counts.reshape(rows, questions).astype(np.float64)


def _grouped(values: Floats, groups: Ints) -> tuple[Floats, Floats]:
    """Returns the sum of the rows of each group, and how many they are."""
    _, which = np.unique(groups, return_inverse=True)
    sizes = np.bincount(which).astype(np.float64)
    sums = np.zeros((sizes.size, values.shape[1]))
    np.add.at(sums, which, values)
    return sums, sizes
