"""The cost of climbing: bins as levels of a feedback queue, without predictions."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

import multibin as mb
from multibin._args import Floats, non_negatives, scalar, sentence
from multibin.lab.theory._bins import bounds, expected_max, sample
from multibin.lab.theory._distribution import Distribution

__all__ = ["climbing_efficiency"]


def climbing_efficiency(
    times: ArrayLike | Distribution, levels: ArrayLike | mb.Edges, overhead: float
) -> float:
    """Returns the throughput of climbing as a fraction of c_max = B / E[l].

    Every request starts in the first level. The fraction is E[l] / Σᵢ S(lᵢ₋₁)·(lᵢ − lᵢ₋₁ + o)
    (*derived*), where S is the survival function of the times. A request that reaches level i
    occupies a slot for the whole level, lᵢ − lᵢ₋₁. It pays ``overhead`` o, in the unit of
    ``times``, for the move and for a batch's fixed part.

    ``levels`` is ``multibin.Edges`` (``Edges.feedback`` minimises the sum) or k + 1 increasing
    bounds. As in the scheduler, l₀ = 0 and the last level ends with the longest request. Batches
    are full and run to their limit; those whose rows all end before it do better.

    Raises:
        ValueError: the bounds do not increase, the overhead is negative, all times are 0 or one is
            unbounded, or ``expected_max`` refuses the times.

    >>> from multibin.lab import theory
    >>> theory.climbing_efficiency([1, 1, 4], levels=[0, 1, 4], overhead=0.0)
    1.0
    """
    inner, cost = (
        bounds("levels", levels)[1:-1],
        scalar("overhead", non_negatives("overhead", overhead)),
    )
    longest = times.hi if isinstance(times, Distribution) else float(sample("times", times).max())
    if not 0 < longest < np.inf:
        raise ValueError(sentence("the longest of times", "finite and above 0", longest))
    tops = np.concatenate([inner[inner < longest], [longest]])
    starts = np.concatenate([[0.0], tops[:-1]])
    return expected_max(times, 1) / float(_survival(times, starts) @ (tops - starts + cost))


def _survival(times: ArrayLike | Distribution, x: Floats) -> Floats:
    """Returns S(x) = P(l > x), of the shape of ``x``."""
    if isinstance(times, Distribution):
        return times.sf(x)
    ordered = np.sort(sample("times", times))
    return 1.0 - np.searchsorted(ordered, x, side="right") / ordered.size
