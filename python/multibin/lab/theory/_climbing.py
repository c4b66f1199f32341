"""What climbing costs: bins as levels of a feedback queue, without any prediction."""

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
    """Throughput as a fraction of c_max = B / E[l] when every request starts in the first level
    and climbs: E[l] / Σᵢ S(lᵢ₋₁)·(lᵢ − lᵢ₋₁ + o) (*derived*).

    A request that reaches level i occupies a slot for the whole level, lᵢ − lᵢ₋₁, and pays
    ``overhead`` o for the move and for a batch's fixed part, all in the unit of ``times``; S is
    their survival function. ``levels`` is ``multibin.Edges`` (``Edges.feedback`` minimises the
    sum) or k + 1 increasing bounds. As in the scheduler, l₀ = 0 and the last level ends with the
    longest request. Batches are full and run to their limit; those whose rows all end before it
    do better.

    Raises ``ValueError`` for bounds that do not increase, a negative overhead, all times 0, and
    for times as ``expected_max``, and unbounded ones.
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
    """S(x) = P(l > x), of the shape of ``x``."""
    if isinstance(times, Distribution):
        return times.sf(x)
    ordered = np.sort(sample("times", times))
    return 1.0 - np.searchsorted(ordered, x, side="right") / ordered.size
