"""How long requests are: tokens, int64, shape ``[n]``, at least 1.

Continuous draws are rounded up, as the scheduler rounds lengths, and cut at both ends of ``low`` to
``high``. All functions raise ``ValueError`` for a value out of range and ``TypeError`` for one that
is not a number.
"""

from __future__ import annotations

from typing import SupportsIndex

import numpy as np
from numpy.typing import ArrayLike

from multibin import _args
from multibin._args import LONGEST, Floats, Ints

__all__ = ["bimodal", "empirical", "exponential", "log_normal", "uniform"]


def log_normal(
    n: SupportsIndex,
    median: float,
    sigma: float,
    seed: SupportsIndex,
    *,
    low: int = 1,
    high: int = LONGEST,
) -> Ints:
    """exp of a normal with mean ln ``median`` and standard deviation ``sigma``, as chat answers
    roughly are.
    """
    mean = np.log(_args.positive("median", median))
    count, spread = _args.integer("n", n, 1), _args.number("sigma", sigma, 0)
    draws = _args.generator(seed).lognormal(mean, spread, count)
    return _cut(draws, low, high)


def uniform(n: SupportsIndex, lo: int, hi: int, seed: SupportsIndex) -> Ints:
    """Every whole number from ``lo`` to ``hi``, both included, equally likely."""
    least = _args.integer("lo", lo, 1, LONGEST)
    most = _args.integer("hi", hi, least, LONGEST)
    count = _args.integer("n", n, 1)
    return _args.generator(seed).integers(least, most, count, dtype=np.int64, endpoint=True)


def exponential(
    n: SupportsIndex, mean: float, seed: SupportsIndex, *, low: int = 1, high: int = LONGEST
) -> Ints:
    """Exponential of the given ``mean``. Rounding up adds about half a token to it."""
    count, scale = _args.integer("n", n, 1), _args.positive("mean", mean)
    return _cut(_args.generator(seed).exponential(scale, count), low, high)


def bimodal(
    n: SupportsIndex,
    short: float,
    long: float,
    share: float,
    seed: SupportsIndex,
    *,
    sigma: float = 0.25,
    low: int = 1,
    high: int = LONGEST,
) -> Ints:
    """Two kinds of request: a ``share`` (0 to 1) with median ``long``, the others with median
    ``short``, each log-normal with ``sigma``; answers with and without reasoning, for instance.
    """
    medians = np.array([_args.positive("short", short), _args.positive("long", long)])
    chance, spread = _args.number("share", share, 0, 1), _args.number("sigma", sigma, 0)
    rng, count = _args.generator(seed), _args.integer("n", n, 1)
    kind = (rng.random(count) < chance).astype(np.intp)
    return _cut(rng.lognormal(np.log(medians)[kind], spread), low, high)


def empirical(n: SupportsIndex, sample: ArrayLike, seed: SupportsIndex) -> Ints:
    """Drawn with replacement from ``sample``, lengths in tokens ≥ 1, shape ``[m]``, m ≥ 1."""
    given = _args.tokens("sample", sample, 1)
    if len(given) == 0:
        raise ValueError("sample must have at least 1 element, got 0")
    return given[_args.generator(seed).integers(0, len(given), _args.integer("n", n, 1))]


def _cut(draws: Floats, low: int, high: int) -> Ints:
    least = _args.integer("low", low, 1, LONGEST)
    most = _args.integer("high", high, least, LONGEST)
    return np.clip(np.ceil(draws), least, most).astype(np.int64)
