"""The paper's formulas for service times uniform on [lo, hi) in equal-mass bins.

With R = hi − lo and m = (hi + lo)/2, d = E[max of B] − m = R(B−1)/(2(B+1)). All arguments
broadcast. A result has their common shape; for numbers alone it is an array without dimensions.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from multibin._args import Floats, counts, floats, non_negatives, positives, require

__all__ = [
    "uniform_best_bins",
    "uniform_bins_needed",
    "uniform_latency",
    "uniform_throughput",
    "uniform_throughput_with_errors",
]


def uniform_throughput(
    bins: ArrayLike, batch_size: ArrayLike, lo: ArrayLike, hi: ArrayLike
) -> Floats:
    """Returns the requests per unit of time of k bins: B / (m + d/k) (Theorem 4.2).

    One bin is FIFO batching, and c_max = B/m (Prop. 4.1) is the limit of many.

    Raises:
        ValueError: bins or batch size are no whole numbers ≥ 1, ``lo`` is negative, or ``hi`` is
            below ``lo`` or not above 0.

    >>> from multibin.lab import theory
    >>> theory.uniform_throughput([1, 2], batch_size=128, lo=1, hi=20).round(3).tolist()
    [6.447, 8.434]
    """
    k, size = counts("bins", bins), counts("batch_size", batch_size)
    low, high = _range(lo, hi)
    return np.asarray(size / (_mean(low, high) + _excess(size, low, high) / k))


def uniform_throughput_with_errors(
    bins: ArrayLike, batch_size: ArrayLike, lo: ArrayLike, hi: ArrayLike, pe: ArrayLike
) -> Floats:
    """Returns the requests per unit of time of k bins with errors of the predictions.

    A request goes to each of the neighbouring bins with probability ``pe`` instead of its own; the
    first and last bin have one neighbour. This is the model of §6.2 and Fig. 8 (closed form
    *derived*). ``pe`` = 0 is Theorem 4.2.

    Raises:
        ValueError: ``uniform_throughput`` refuses an argument, or ``pe`` is outside [0, 0.5].

    >>> from multibin.lab import theory
    >>> theory.uniform_throughput_with_errors(2, 128, 1, 20, pe=[0, 0.05]).round(3).tolist()
    [8.434, 6.658]
    """
    k, size = counts("bins", bins), counts("batch_size", batch_size)
    low, high = _range(lo, hi)
    error = floats("pe", pe)
    require("pe", error, (error >= 0) & (error <= 0.5), "between 0 and 0.5")
    width = (high - low) / k
    top = high - width * (k - 1) * (k - 2) / (2 * k)  # Mean of l_2, l_3, … l_k and again l_k = hi.
    gap = width * _mean_gap(k, size, np.where(k > 1, error, 0.0))
    return np.asarray(size / (top - gap))


def _mean_gap(k: Floats, size: Floats, pe: Floats) -> Floats:
    """Returns the mean over the bins of ∫ Fᴮ, in widths.

    A batch of an interior bin holds the times of three bins, between which F is linear and reaches
    pe, 1 − pe and 1.
    """
    from_below, from_above = _mean_power(pe, pe, size), _mean_power(np.ones_like(pe), pe, size)
    interior = from_below + _mean_power(1 - pe, 1 - 2 * pe, size) + from_above
    first = _mean_power(1 - pe, 1 - pe, size) + from_above
    last = from_below + _mean_power(np.ones_like(pe), 1 - pe, size)
    return ((k - 2) * interior + first + last) / k


def _mean_power(v: Floats, width: Floats, size: Floats) -> Floats:
    """Returns the mean of xᴮ over [u, v]: (vᴮ⁺¹ − uᴮ⁺¹) / ((B+1)(v − u)), or vᴮ for u = v."""
    tiny = np.finfo(np.float64).tiny  # Instead of 0: 0/0 becomes the limit.
    ratio = np.maximum(width / np.maximum(v, tiny), tiny)
    with np.errstate(divide="ignore"):  # log 0 = −∞ is right here.
        lost = -np.expm1((size + 1) * np.log1p(-ratio))
    return np.asarray(v**size * lost / ((size + 1) * ratio))


def uniform_bins_needed(
    epsilon: ArrayLike, batch_size: ArrayLike, lo: ArrayLike, hi: ArrayLike
) -> NDArray[np.int64]:
    """Returns the least k whose throughput is within ``epsilon`` of c_max.

    It is k ≥ (c_max − ε)·d/(ε·m) (Theorem 4.3), with ε in requests per unit of time.

    Raises:
        ValueError: ``uniform_throughput`` refuses an argument, or ``epsilon`` is not above 0.

    >>> from multibin.lab import theory
    >>> theory.uniform_bins_needed([1.2, 1.0], batch_size=128, lo=1, hi=20).tolist()
    [9, 10]
    """
    within, size = positives("epsilon", epsilon), counts("batch_size", batch_size)
    low, high = _range(lo, hi)
    mean, excess = _mean(low, high), _excess(size, low, high)
    needed = (size / mean - within) * excess / (within * mean)
    return _whole(needed)


def uniform_latency(
    bins: ArrayLike, batch_size: ArrayLike, lo: ArrayLike, hi: ArrayLike, rate: ArrayLike
) -> Floats:
    """Returns E[latency] with infinitely many servers and Poisson arrivals.

    It is m + d/k + (B−1)k/(2λ) (Lemma 5.1, Eq. 7), for ``rate`` λ per unit of time, in that unit.

    Raises:
        ValueError: ``uniform_throughput`` refuses an argument, or the rate is not above 0.

    >>> from multibin.lab import theory
    >>> theory.uniform_latency(1, batch_size=128, lo=1, hi=20, rate=4).round(2).tolist()
    35.73
    """
    k, size = counts("bins", bins), counts("batch_size", batch_size)
    low, high = _range(lo, hi)
    filling = (size - 1) * k / (2 * positives("rate", rate))
    return np.asarray(_mean(low, high) + _excess(size, low, high) / k + filling)


def uniform_best_bins(
    batch_size: ArrayLike, lo: ArrayLike, hi: ArrayLike, rate: ArrayLike
) -> NDArray[np.int64]:
    """Returns the k of least ``uniform_latency``.

    It is one of the whole numbers around k* = √(2λd/(B−1)) = √(λR/(B+1)) (*derived*). One more bin
    pays while k(k+1) < k*². For B = 1, where k makes no difference, it is 1.

    Raises:
        ValueError: ``uniform_latency`` refuses an argument.

    >>> from multibin.lab import theory
    >>> theory.uniform_best_bins(batch_size=8, lo=1, hi=20, rate=[1, 10]).tolist()
    [2, 5]
    """
    size, arrivals = counts("batch_size", batch_size), positives("rate", rate)
    low, high = _range(lo, hi)
    square = np.where(size > 1, arrivals * (high - low) / (size + 1), 0.0)
    return _whole((np.sqrt(1 + 4 * square) - 1) / 2)


def _whole(bins: Floats) -> NDArray[np.int64]:
    """Returns the least whole number ≥ 1 that is at least ``bins``, up to rounding."""
    return np.asarray(np.ceil(bins * (1 - 1e-12)).clip(min=1), dtype=np.int64)


def _range(lo: ArrayLike, hi: ArrayLike) -> tuple[Floats, Floats]:
    low, high = np.broadcast_arrays(non_negatives("lo", lo), positives("hi", hi))
    require("hi", high, high >= low, f"at least lo = {lo!r}")
    return low, high


def _mean(lo: Floats, hi: Floats) -> Floats:
    return (lo + hi) / 2


def _excess(size: Floats, lo: Floats, hi: Floats) -> Floats:
    return (hi - lo) * (size - 1) / (2 * (size + 1))
