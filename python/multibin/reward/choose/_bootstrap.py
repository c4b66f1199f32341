"""Intervals for means over questions."""

from __future__ import annotations

import numpy as np

from multibin._args import Floats

__all__ = ["RESAMPLES", "interval", "percentiles"]

RESAMPLES = 2000
"""Samples of questions that an interval is made of."""

AT_ONCE = 1 << 20
"""Draws of a question that are held at once."""


def interval(values: Floats, confidence: float, seed: int) -> tuple[Floats, Floats]:
    """Returns the ends of the percentile bootstrap's interval of each column's mean.

    Args:
        values: one row a question, shape ``[questions, columns]``. Rows are drawn with replacement,
            and the columns of a row stay together.
        confidence: the share of the resampled means inside.
        seed: of the draws.

    Efron and Tibshirani, An Introduction to the Bootstrap, 13.3.
    """
    rng = np.random.default_rng(seed)
    questions = len(values)
    chunk = max(1, AT_ONCE // questions)
    means = []
    for start in range(0, RESAMPLES, chunk):
        rows = min(chunk, RESAMPLES - start)
        means.append(_counts(rng, rows, questions) @ values / questions)
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
