"""How long the first member of a batch waits for the others. Arguments broadcast."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from multibin._args import Floats, counts, floats, positives, require

__all__ = ["first_wait", "full_probability"]


def first_wait(
    rate: ArrayLike, batch_size: ArrayLike, bins: ArrayLike = 1, timer: ArrayLike = np.inf
) -> Floats:
    """Mean wait of a batch's first member until the batch leaves, in the unit of 1/``rate``.

    Without a timer (B−1)k/λ for Poisson arrivals at rate λ in k bins of equal mass (*derived*);
    for a bin of another mass pass its own arrival rate and ``bins=1``. With a flush ``timer`` T
    that the first member starts, E[min(T, time of B−1 arrivals)] = (k/λ) Σ_{j=1..B−1}
    P(Poisson(λT/k) ≥ j) (*derived*).

    Raises ``ValueError`` for a rate or timer that is not above 0, or bins or a batch size that
    are no whole numbers ≥ 1.
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
    """Probability that a bin's batch is full when the flush ``timer`` T that its first member
    started ends: P(Poisson(λT/k) ≥ B−1) (*derived*), for k bins of equal mass.

    Raises ``ValueError`` as ``first_wait``.
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
    """P(Poisson ≤ j) for j = 0 … n − 1."""
    if np.isinf(expected):
        return np.zeros(int(n))
    j = np.arange(n)
    log_factorial = np.cumsum(np.log(np.maximum(j, 1)))
    return np.cumsum(np.exp(j * np.log(expected) - expected - log_factorial)).clip(max=1.0)


def _at_least(expected: float, n: float) -> float:
    return 1.0 - float(_below(expected, n)[-1]) if n else 1.0


def _arrivals_until(expected: float, size: float) -> float:
    """E[min(Poisson, B − 1)] = Σ_{j=1..B−1} P(Poisson ≥ j)."""
    return float((1.0 - _below(expected, size - 1)).sum())
