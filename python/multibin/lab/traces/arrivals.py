"""Draws arrivals: seconds since the first request, float64, shape ``[n]``.

The first request arrives at 0, so n requests have n − 1 gaps. All functions raise ``ValueError``
for a value out of range, and ``TypeError`` for a value that is not a number. The times of a real
trace are its own ``Trace.arrivals``. A closed loop has no times before it is played, as its users
wait for answers.
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
    """Users that each pause, send a request, wait for the answer, and begin again.

    It is the argument ``closed_loop`` of ``multibin.simulate``.

    Raises:
        TypeError: an argument has the wrong type.
        ValueError: an argument is out of range.

    >>> from multibin.lab.traces.arrivals import ClosedLoop
    >>> ClosedLoop(users=2, pauses=[0.0, 1.5, 2.0]).pauses.tolist()
    [0.0, 1.5, 2.0]
    """

    users: int
    """The number of users, and so the most requests that wait or run."""
    pauses: Floats
    """Seconds, shape ``[n]``: a pause a request, in the order in which pauses begin.

    All users begin with a pause at time 0."""

    def __post_init__(self) -> None:
        _args.integer("users", self.users, 1)
        pauses = _args.seconds("pauses", self.pauses)
        _args.require("pauses", pauses, pauses >= 0, "at least 0")
        object.__setattr__(self, "pauses", pauses)


def poisson(n: SupportsIndex, rate: float, seed: SupportsIndex) -> Floats:
    """Draws a Poisson process of ``rate`` requests per second: independent exponential gaps.

    >>> from multibin.lab.traces import arrivals
    >>> times = arrivals.poisson(1000, rate=2.0, seed=0)
    >>> float(times[0]), bool(450 < times[-1] < 550)
    (0.0, True)
    """
    return gamma(n, rate, 1.0, seed)


def gamma(n: SupportsIndex, rate: float, cv: float, seed: SupportsIndex) -> Floats:
    """Draws independent Gamma gaps of mean 1/``rate`` seconds and coefficient of variation ``cv``.

    The coefficient is standard deviation over mean: 1 is a Poisson process, above 1 are bursts,
    below 1 is more regular. The shape is 1/cv², the scale cv²/rate.

    >>> import numpy as np
    >>> from multibin.lab.traces import arrivals
    >>> gaps = np.diff(arrivals.gamma(10_000, rate=1.0, cv=2.0, seed=0))
    >>> bool(1.8 < gaps.std() / gaps.mean() < 2.2)
    True
    """
    count, spread = _args.integer("n", n, 1), _args.positive("cv", cv) ** 2
    scale = spread / _args.positive("rate", rate)
    gaps = _args.generator(seed).gamma(1 / spread, scale, count - 1)
    return np.concatenate([[0.0], np.cumsum(gaps)])


def backlog(n: SupportsIndex) -> Floats:
    """Returns zeros: all requests are there at time 0.

    >>> from multibin.lab.traces import arrivals
    >>> arrivals.backlog(3).tolist()
    [0.0, 0.0, 0.0]
    """
    return np.zeros(_args.integer("n", n, 1))


def closed_loop(
    n: SupportsIndex, users: SupportsIndex, pause: float, seed: SupportsIndex
) -> ClosedLoop:
    """Draws users that send ``n`` requests in all, with independent exponential pauses.

    The mean pause is ``pause`` seconds. With 0 a user sends its next request at once after an
    answer.

    >>> from multibin.lab.traces import arrivals
    >>> arrivals.closed_loop(4, users=2, pause=0.0, seed=0).pauses.tolist()
    [0.0, 0.0, 0.0, 0.0]
    """
    count, mean = _args.integer("n", n, 1), _args.number("pause", pause, 0)
    pauses = _args.generator(seed).exponential(mean, count)
    return ClosedLoop(_args.integer("users", users, 1), pauses)
