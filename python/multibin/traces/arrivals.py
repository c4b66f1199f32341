"""When requests come: seconds since the first of them, float64, shape ``[n]``.

The first is at 0, so n requests have n − 1 gaps. All functions raise ``ValueError`` for a value out
of range and ``TypeError`` for one that is not a number. Times of a real trace are its own
``Trace.arrivals``.
"""

from __future__ import annotations

from typing import SupportsIndex

import numpy as np

from multibin.traces import _checks
from multibin.traces._checks import Floats

__all__ = ["backlog", "gamma", "poisson"]


def poisson(n: SupportsIndex, rate: float, seed: SupportsIndex) -> Floats:
    """A Poisson process of ``rate`` requests per second: independent exponential gaps."""
    return gamma(n, rate, 1.0, seed)


def gamma(n: SupportsIndex, rate: float, cv: float, seed: SupportsIndex) -> Floats:
    """Independent Gamma gaps of mean 1/``rate`` seconds and coefficient of variation ``cv``
    (standard deviation over mean): 1 is a Poisson process, above 1 comes in bursts, below 1 is
    more regular. Shape 1/cv², scale cv²/rate.
    """
    count, spread = _checks.whole("n", n, 1), _checks.positive("cv", cv) ** 2
    scale = spread / _checks.positive("rate", rate)
    gaps = _checks.generator(seed).gamma(1 / spread, scale, count - 1)
    return np.concatenate([[0.0], np.cumsum(gaps)])


def backlog(n: SupportsIndex) -> Floats:
    """Everything is there at time 0."""
    return np.zeros(_checks.whole("n", n, 1))
