"""Draws lengths of requests: tokens, int64, shape ``[n]``, at least 1.

Continuous draws are rounded up, as the scheduler rounds lengths, and cut to ``low`` … ``high``. All
functions raise ``ValueError`` for a value out of range, and ``TypeError`` for a value that is not a
number.
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
    """Draws exp of a normal with mean ln ``median`` and standard deviation ``sigma``.

    Chat answers are roughly so.

    >>> from multibin.lab.traces import lengths
    >>> lengths.log_normal(3, median=99.5, sigma=0.0, seed=0).tolist()
    [100, 100, 100]
    """
    mean = np.log(_args.positive("median", median))
    count, spread = _args.integer("n", n, 1), _args.number("sigma", sigma, 0)
    draws = _args.generator(seed).lognormal(mean, spread, count)
    return _cut(draws, low, high)


def uniform(n: SupportsIndex, lo: int, hi: int, seed: SupportsIndex) -> Ints:
    """Draws each whole number from ``lo`` to ``hi``, both included, with equal probability.

    >>> from multibin.lab.traces import lengths
    >>> sorted(set(lengths.uniform(100, 4, 6, seed=0).tolist()))
    [4, 5, 6]
    """
    first = _args.integer("lo", lo, 1, LONGEST)
    last = _args.integer("hi", hi, first, LONGEST)
    count = _args.integer("n", n, 1)
    return _args.generator(seed).integers(first, last, count, dtype=np.int64, endpoint=True)


def exponential(
    n: SupportsIndex, mean: float, seed: SupportsIndex, *, low: int = 1, high: int = LONGEST
) -> Ints:
    """Draws exponential lengths of the given ``mean``. Rounding up adds about half a token to it.

    >>> from multibin.lab.traces import lengths
    >>> bool(195 < lengths.exponential(10_000, mean=200, seed=0).mean() < 206)
    True
    """
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
    """Draws two kinds of requests, each log-normal with ``sigma``.

    A ``share`` (0 to 1) has the median ``long``, the others have the median ``short``. Answers with
    and without reasoning are an example.

    >>> from multibin.lab.traces import lengths
    >>> drawn = lengths.bimodal(1000, short=20, long=400, share=0.3, seed=0, sigma=0.0)
    >>> sorted(set(drawn.tolist())), bool(250 < (drawn > 100).sum() < 350)
    ([20, 400], True)
    """
    medians = np.array([_args.positive("short", short), _args.positive("long", long)])
    chance, spread = _args.number("share", share, 0, 1), _args.number("sigma", sigma, 0)
    rng, count = _args.generator(seed), _args.integer("n", n, 1)
    kind = (rng.random(count) < chance).astype(np.intp)
    return _cut(rng.lognormal(np.log(medians)[kind], spread), low, high)


def empirical(n: SupportsIndex, sample: ArrayLike, seed: SupportsIndex) -> Ints:
    """Draws with replacement from ``sample``, lengths in tokens ≥ 1, shape ``[m]``, m ≥ 1.

    >>> from multibin.lab.traces import lengths
    >>> set(lengths.empirical(50, [7, 9], seed=0).tolist()) == {7, 9}
    True
    """
    known = _args.tokens("sample", sample, 1)
    if len(known) == 0:
        raise ValueError("sample must have at least 1 element, got 0")
    return known[_args.generator(seed).integers(0, len(known), _args.integer("n", n, 1))]


def _cut(draws: Floats, low: int, high: int) -> Ints:
    first = _args.integer("low", low, 1, LONGEST)
    last = _args.integer("high", high, first, LONGEST)
    return np.clip(np.ceil(draws), first, last).astype(np.int64)
