"""The paper's formulas for service times uniform on [lo, hi) in equal-mass bins.

With R = hi − lo and m = (hi + lo)/2, d = E[max of B] − m = R(B−1)/(2(B+1)). All arguments
broadcast; a result has their common shape, and is an array without dimensions for numbers alone.
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
    """Requests per unit of time of k bins: B / (m + d/k) (Theorem 4.2). One bin is FIFO batching,
    and c_max = B/m (Prop. 4.1) is the limit of many.

    Raises ``ValueError`` for bins or a batch size that are no whole numbers ≥ 1, ``lo`` negative,
    and ``hi`` below ``lo`` or not above 0.
    """
    k, size = counts("bins", bins), counts("batch_size", batch_size)
    low, high = _range(lo, hi)
    return np.asarray(size / (_mean(low, high) + _excess(size, low, high) / k))


def uniform_throughput_with_errors(
    bins: ArrayLike, batch_size: ArrayLike, lo: ArrayLike, hi: ArrayLike, pe: ArrayLike
) -> Floats:
    """Requests per unit of time of k bins when a request goes to each of the neighbouring bins
    with probability ``pe``, 0 to 0.5, instead of its own; the first and last bin have one
    neighbour (the model of §6.2 and Fig. 8; closed form *derived*). ``pe`` = 0 is Theorem 4.2.

    Raises ``ValueError`` as ``uniform_throughput``, and for ``pe`` outside [0, 0.5].
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
    """Mean over the bins of ∫ Fᴮ, in widths: a batch of an interior bin holds three bins' times,
    between which F is linear and reaches pe, 1 − pe and 1.
    """
    from_below, from_above = _mean_power(pe, pe, size), _mean_power(np.ones_like(pe), pe, size)
    interior = from_below + _mean_power(1 - pe, 1 - 2 * pe, size) + from_above
    first = _mean_power(1 - pe, 1 - pe, size) + from_above
    last = from_below + _mean_power(np.ones_like(pe), 1 - pe, size)
    return ((k - 2) * interior + first + last) / k


def _mean_power(v: Floats, width: Floats, size: Floats) -> Floats:
    """Mean of xᴮ over [u, v], u = v − width: (vᴮ⁺¹ − uᴮ⁺¹) / ((B+1)(v − u)); vᴮ for u = v."""
    tiny = np.finfo(np.float64).tiny  # In place of 0: 0/0 becomes the limit.
    ratio = np.maximum(width / np.maximum(v, tiny), tiny)
    with np.errstate(divide="ignore"):  # log 0 = −∞ is what is meant.
        lost = -np.expm1((size + 1) * np.log1p(-ratio))
    return np.asarray(v**size * lost / ((size + 1) * ratio))


def uniform_bins_needed(
    epsilon: ArrayLike, batch_size: ArrayLike, lo: ArrayLike, hi: ArrayLike
) -> NDArray[np.int64]:
    """The least k whose throughput is within ``epsilon`` (requests per unit of time) of c_max:
    k ≥ (c_max − ε)·d/(ε·m) (Theorem 4.3).

    Raises ``ValueError`` as ``uniform_throughput``, and for ``epsilon`` not above 0.
    """
    within, size = positives("epsilon", epsilon), counts("batch_size", batch_size)
    low, high = _range(lo, hi)
    mean, excess = _mean(low, high), _excess(size, low, high)
    needed = (size / mean - within) * excess / (within * mean)
    return _whole(needed)


def uniform_latency(
    bins: ArrayLike, batch_size: ArrayLike, lo: ArrayLike, hi: ArrayLike, rate: ArrayLike
) -> Floats:
    """E[latency] with infinitely many servers and Poisson arrivals at ``rate`` per unit of time,
    in that unit: m + d/k + (B−1)k/(2λ) (Lemma 5.1, Eq. 7).

    Raises ``ValueError`` as ``uniform_throughput``, and for a rate that is not above 0.
    """
    k, size = counts("bins", bins), counts("batch_size", batch_size)
    low, high = _range(lo, hi)
    filling = (size - 1) * k / (2 * positives("rate", rate))
    return np.asarray(_mean(low, high) + _excess(size, low, high) / k + filling)


def uniform_best_bins(
    batch_size: ArrayLike, lo: ArrayLike, hi: ArrayLike, rate: ArrayLike
) -> NDArray[np.int64]:
    """The k of least ``uniform_latency``, one of the whole numbers around
    k* = √(2λd/(B−1)) = √(λR/(B+1)) (*derived*); for B = 1, where k makes no difference, 1.

    One more bin pays while k(k+1) < k*². Raises ``ValueError`` as ``uniform_latency``.
    """
    size, arrivals = counts("batch_size", batch_size), positives("rate", rate)
    low, high = _range(lo, hi)
    square = np.where(size > 1, arrivals * (high - low) / (size + 1), 0.0)
    return _whole((np.sqrt(1 + 4 * square) - 1) / 2)


def _whole(bins: Floats) -> NDArray[np.int64]:
    """The least whole number ≥ 1 that is at least ``bins``, but for rounding."""
    return np.asarray(np.ceil(bins * (1 - 1e-12)).clip(min=1), dtype=np.int64)


def _range(lo: ArrayLike, hi: ArrayLike) -> tuple[Floats, Floats]:
    low, high = np.broadcast_arrays(non_negatives("lo", lo), positives("hi", hi))
    require("hi", high, high >= low, f"at least lo = {lo!r}")
    return low, high


def _mean(lo: Floats, hi: Floats) -> Floats:
    return (lo + hi) / 2


def _excess(size: Floats, lo: Floats, hi: Floats) -> Floats:
    return (hi - lo) * (size - 1) / (2 * (size + 1))
