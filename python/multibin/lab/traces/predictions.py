"""Draws predictions of requests before they run: output tokens, int64, shape ``[n]``.

``actual`` are the true output lengths, tokens ≥ 1, shape ``[n]``. All functions raise
``ValueError`` for a value out of range, and ``TypeError`` for a value of the wrong type.
"""

from __future__ import annotations

from typing import SupportsIndex

import numpy as np
from numpy.typing import ArrayLike

import multibin as mb
from multibin import _args
from multibin._args import LONGEST, Ints

__all__ = ["confused", "log_normal", "oracle", "shuffled"]


def oracle(actual: ArrayLike) -> Ints:
    """Returns the true lengths.

    >>> from multibin.lab.traces import predictions
    >>> predictions.oracle([3, 9]).tolist()
    [3, 9]
    """
    return _actual(actual).copy()


def log_normal(actual: ArrayLike, sigma: float, seed: SupportsIndex) -> Ints:
    """Draws the true length times exp(``sigma``·Z), Z standard normal.

    Predictions are too short as often as too long, rounded to the nearest, and at least 1. σ = 0 is
    the oracle.

    >>> from multibin.lab.traces import predictions
    >>> predictions.log_normal([3, 9], sigma=0.0, seed=0).tolist()
    [3, 9]
    """
    lengths, spread = _actual(actual), _args.number("sigma", sigma, 0)
    factors = _args.generator(seed).lognormal(0.0, spread, len(lengths))
    return np.clip(np.rint(lengths * factors), 1, LONGEST).astype(np.int64)


def confused(actual: ArrayLike, edges: mb.Edges, pe: float, seed: SupportsIndex) -> Ints:
    """Draws predictions by the error model of the paper (§6.2 of arXiv 2412.04504).

    A request falls into each of the neighbouring bins of ``edges`` with probability ``pe``, 0 to
    0.5; the first and last bin have one neighbour. Its prediction is the length of that bin that is
    nearest to the true one.

    >>> import multibin as mb
    >>> from multibin.lab.traces import predictions
    >>> predictions.confused([3, 9], mb.Edges([0, 5, 10]), pe=0.0, seed=0).tolist()
    [3, 9]
    """
    lengths, chance = _actual(actual), _args.number("pe", pe, 0, 0.5)
    if not isinstance(edges, mb.Edges):
        raise TypeError(_args.sentence("edges", "multibin.Edges", edges))
    inner = edges.bounds[1:-1].astype(np.int64)
    draws = _args.generator(seed).random(len(lengths))
    step = (draws >= 1 - chance).astype(np.int64) - (draws < chance)
    bins = np.clip(np.searchsorted(inner, lengths, side="right") + step, 0, len(inner))
    lowest = np.concatenate([[0], inner])[bins]
    highest = np.concatenate([inner - 1, [LONGEST]])[bins]
    return np.clip(lengths, lowest, highest)


def shuffled(actual: ArrayLike, seed: SupportsIndex) -> Ints:
    """Returns the true lengths of other requests: the right distribution, and no information.

    >>> from multibin.lab.traces import predictions
    >>> sorted(predictions.shuffled([3, 9, 4], seed=0).tolist())
    [3, 4, 9]
    """
    return _args.generator(seed).permutation(_actual(actual))


def _actual(actual: ArrayLike) -> Ints:
    return _args.tokens("actual", actual, 1)
