"""When requests come: seconds since the first of them, float64, shape ``[n]``.

The first is at 0, so n requests have n − 1 gaps. All functions raise ``ValueError`` for a value out
of range and ``TypeError`` for one that is not a number. Times of a real trace are its own
``Trace.arrivals``. A closed loop has no times before it is played: its users wait for answers.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import SupportsIndex

import numpy as np

from multibin import _args
from multibin._args import Floats

__all__ = ["ClosedLoop", "backlog", "closed_loop", "gamma", "poisson"]


@dataclass(frozen=True, eq=False)
class ClosedLoop:
    """Users of whom each pauses, sends a request, waits for its answer, and again: for the argument
    ``closed_loop`` of ``multibin.simulate``.

    Raises ``ValueError`` or ``TypeError`` that names the argument and the value.
    """

    users: int
    """How many there are, and so the most requests that wait or run."""
    pauses: Floats
    """Seconds, shape ``[n]``, one a request, in the order in which pauses begin; all users begin
    with one at time 0."""

    def __post_init__(self) -> None:
        _args.integer("users", self.users, 1)
        pauses = _args.seconds("pauses", self.pauses)
        _args.require("pauses", pauses, pauses >= 0, "at least 0")
        object.__setattr__(self, "pauses", pauses)


def poisson(n: SupportsIndex, rate: float, seed: SupportsIndex) -> Floats:
    """A Poisson process of ``rate`` requests per second: independent exponential gaps."""
    return gamma(n, rate, 1.0, seed)


def gamma(n: SupportsIndex, rate: float, cv: float, seed: SupportsIndex) -> Floats:
    """Independent Gamma gaps of mean 1/``rate`` seconds and coefficient of variation ``cv``
    (standard deviation over mean): 1 is a Poisson process, above 1 comes in bursts, below 1 is
    more regular. Shape 1/cv², scale cv²/rate.
    """
    count, spread = _args.integer("n", n, 1), _args.positive("cv", cv) ** 2
    scale = spread / _args.positive("rate", rate)
    gaps = _args.generator(seed).gamma(1 / spread, scale, count - 1)
    return np.concatenate([[0.0], np.cumsum(gaps)])


def backlog(n: SupportsIndex) -> Floats:
    """Everything is there at time 0."""
    return np.zeros(_args.integer("n", n, 1))


def closed_loop(
    n: SupportsIndex, users: SupportsIndex, pause: float, seed: SupportsIndex
) -> ClosedLoop:
    """``users`` who send ``n`` requests in all, with independent exponential pauses of ``pause``
    seconds on average; 0: each sends the next one as soon as it has its answer.
    """
    count, mean = _args.integer("n", n, 1), _args.number("pause", pause, 0)
    pauses = _args.generator(seed).exponential(mean, count)
    return ClosedLoop(_args.integer("users", users, 1), pauses)
