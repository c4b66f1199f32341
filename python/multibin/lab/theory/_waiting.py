"""The time that the first member of a batch waits for the others. Arguments broadcast."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from multibin._args import Floats, counts, floats, positives, require

__all__ = ["first_wait", "full_probability"]


def first_wait(
    rate: ArrayLike, batch_size: ArrayLike, bins: ArrayLike = 1, timer: ArrayLike = np.inf
) -> Floats:
    """Returns the mean wait of a batch's first member until the batch leaves.

    Its unit is that of 1/``rate``. Without a timer it is (B−1)k/λ for Poisson arrivals at rate λ in
    k bins of equal mass (*derived*). For a bin of another mass pass its own arrival rate and
    ``bins=1``. The first member starts a flush ``timer`` T. With it the mean wait is
    E[min(T, time of B−1 arrivals)] = (k/λ) Σ_{j=1..B−1} P(Poisson(λT/k) ≥ j) (*derived*).

    Raises:
        ValueError: rate or timer are not above 0, or bins or batch size no whole numbers ≥ 1.

    >>> from multibin.lab import theory
    >>> theory.first_wait(rate=2.0, batch_size=8, bins=[1, 4]).tolist()
    [3.5, 14.0]
    """
    arrivals, size = (
        positives("rate", rate) / counts("bins", bins),
        counts("batch_size", batch_size),
    )
    until = np.vectorize(_arrivals_until, otypes=[np.float64])
    return np.asarray(until(arrivals * _timer(timer), size) / arrivals)


def full_probability(
    rate: ArrayLike, batch_size: ArrayLike, timer: ArrayLike, bins: ArrayLike = 1
) -> Floats:
    """Returns the probability that a bin's batch is full when its flush ``timer`` T ends.

    The first member starts the timer. For k bins of equal mass the probability is
    P(Poisson(λT/k) ≥ B−1) (*derived*).

    Raises:
        ValueError: ``first_wait`` refuses an argument.

    >>> from multibin.lab import theory
    >>> theory.full_probability(rate=1.0, batch_size=2, timer=1.0).round(4).tolist()
    0.6321
    """
    arrivals, size = (
        positives("rate", rate) / counts("bins", bins),
        counts("batch_size", batch_size),
    )
    at_least = np.vectorize(_at_least, otypes=[np.float64])
    return np.asarray(at_least(arrivals * _timer(timer), size - 1))


def _timer(timer: ArrayLike) -> Floats:
    array = floats("timer", timer)
    return require("timer", array, array > 0, "above 0")


def _below(expected: float, n: float) -> Floats:
    """Returns P(Poisson ≤ j) for j = 0 … n − 1."""
    if np.isinf(expected):
        return np.zeros(int(n))
    j = np.arange(n)
    log_factorial = np.cumsum(np.log(np.maximum(j, 1)))
    return np.cumsum(np.exp(j * np.log(expected) - expected - log_factorial)).clip(max=1.0)


def _at_least(expected: float, n: float) -> float:
    return 1.0 - float(_below(expected, n)[-1]) if n else 1.0


def _arrivals_until(expected: float, size: float) -> float:
    """Returns E[min(Poisson, B − 1)] = Σ_{j=1..B−1} P(Poisson ≥ j)."""
    return float((1.0 - _below(expected, size - 1)).sum())
