"""Random numbers as functions of a seed and a position."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

STEP = np.uint64(0x9E3779B97F4A7C15)


def uniforms(seeds: NDArray[np.uint64], positions: NDArray[np.uint64]) -> NDArray[np.float64]:
    """Returns numbers in [0, 1), each a function of its seed and position alone.

    The shapes of the arguments broadcast. The seed is mixed before the position is added, so that
    neighbouring seeds are not shifted copies of each other (SplitMix64: Steele, Lea, Flood, 2014).
    """
    mixed = _mixed(seeds, positions + np.uint64(1))
    # The 53 high bits: every float64 in [0, 1) on a grid of 2**-53.
    return (mixed >> np.uint64(11)).astype(np.float64) * 2.0**-53


def sample_seed(seed: int, index: int) -> int:
    """Returns the seed of continuation `index` of a request with `seed`: that itself for 0.

    The others are the seed's 64-bit SplitMix64 numbers, counted from the complement of `index`.
    Positions of tokens count from 0, so they use other numbers.
    """
    if not index:
        return seed
    one = np.array([seed], dtype=np.uint64)
    return int(_mixed(one, ~np.array([index], dtype=np.uint64))[0])


def _mixed(seeds: NDArray[np.uint64], counts: NDArray[np.uint64]) -> NDArray[np.uint64]:
    with np.errstate(over="ignore"):
        return _mix(_mix(seeds + STEP) + counts * STEP)


def _mix(state: NDArray[np.uint64]) -> NDArray[np.uint64]:
    state = (state ^ (state >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    state = (state ^ (state >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return state ^ (state >> np.uint64(31))
