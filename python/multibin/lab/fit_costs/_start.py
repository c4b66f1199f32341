"""Where a fit begins: least squares of the observed times on the reconstructed work."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

import multibin as mb
from multibin.costs._non_negative import non_negative
from multibin.lab.fit_costs._observed import Observed
from multibin.lab.fit_costs._work import TERMS, decode_work, first_token_work

__all__ = ["regressed"]

Floats = NDArray[np.float64]

HUBER = 1.5
"""Deviations, in robust standard deviations, from which a time counts less."""

ROUNDS = 8
"""Rounds of reweighting."""


def regressed(seen: Observed, slots: int, chosen: NDArray[np.bool_]) -> mb.CostModel:
    """Returns the non-negative costs that explain decode times and times to first token best.

    Args:
        seen: the observed times.
        slots: the rows that run together at most.
        chosen: the requests whose times count.
    """
    decode, first = decode_work(seen), first_token_work(seen, slots)
    decodes = chosen & (seen.decoded > 0) & (seen.finish > seen.first_token)
    starts = chosen & first[1] & (seen.ttft > 0)
    work = np.concatenate([decode[decodes], first[0][starts]])
    seconds = np.concatenate([(seen.finish - seen.first_token)[decodes], seen.ttft[starts]])
    found = _robust(work / seconds[:, None])
    return mb.CostModel(**dict(zip(TERMS, found.tolist(), strict=True)), completes="row")


def _robust(matrix: Floats) -> Floats:
    """Returns x ≥ 0 with ``matrix`` x near 1, by iteratively reweighted least squares."""
    weights = np.ones(len(matrix))
    for _ in range(ROUNDS):
        found = non_negative(matrix * weights[:, None], weights)
        off = np.abs(matrix @ found - 1.0)
        bound = HUBER * max(1.4826 * float(np.median(off)), 1e-9)
        weights = np.sqrt(np.minimum(1.0, bound / np.maximum(off, 1e-12)))
    return found
