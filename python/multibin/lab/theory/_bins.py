"""Throughput and latency of given bins for any service times.

``times`` is a sample, shape ``[n]``, for its empirical distribution, or a ``Distribution``.
``edges`` is ``multibin.Edges`` or k + 1 increasing bounds, of which the last may be infinite. As in
the scheduler the bins are half-open: the first takes what lies below its bound, and the last has no
upper end.
"""

from __future__ import annotations

from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

import multibin as mb
from multibin._args import (
    Floats,
    counts,
    floats,
    non_negatives,
    positives,
    require,
    scalar,
    sentence,
)
from multibin.lab.theory._distribution import Distribution

__all__ = [
    "PerBin",
    "ceiling",
    "expected_max",
    "exponential_edges",
    "latency",
    "per_bin",
    "throughput",
]


def count(name: str, value: int) -> int:
    """Returns one whole number from 1 on, or raises a ``ValueError``."""
    return int(scalar(name, counts(name, value)))


def sample(name: str, value: ArrayLike) -> Floats:
    """Returns service times, finite and not negative, shape ``[n]`` with n ≥ 1."""
    array = non_negatives(name, value)
    if array.ndim != 1 or array.size == 0:
        raise ValueError(f"{name} must have shape [n] with n >= 1, got {array.shape}")
    return array


def bounds(name: str, value: ArrayLike | mb.Edges) -> Floats:
    """Returns k + 1 increasing bounds of k bins; only the last may be infinite."""
    array = floats(name, value.bounds if isinstance(value, mb.Edges) else value)
    if array.ndim != 1 or array.size < 2:
        raise ValueError(f"{name} must have shape [k + 1] with k >= 1, got {array.shape}")
    non_negatives(name, array[:-1])
    rising = np.concatenate([[True], np.diff(array) > 0])
    return require(name, array, rising, "above the bound before it")


class PerBin(NamedTuple):
    """Mass and batch time of each bin, one array of shape ``[k]`` each.

    >>> from multibin.lab import theory
    >>> bins = theory.per_bin([1, 2, 3, 10], [0, 4, 11], batch_size=1)
    >>> bins.mass.tolist(), bins.expected_max.tolist(), bins.batch_time
    ([0.75, 0.25], [2.0, 10.0], 4.0)
    """

    mass: Floats
    """Shares of the requests, which sum to 1."""
    expected_max: Floats
    """E[max of B | bin], the mean time of a full batch. It is NaN in a bin without mass."""

    @property
    def batch_time(self) -> float:
        """Returns the mean time of a full batch over all bins: Σ mass · E[max | bin]."""
        filled = self.mass > 0
        return float(self.mass[filled] @ self.expected_max[filled])


def expected_max(times: ArrayLike | Distribution, batch_size: int) -> float:
    """Returns E[max of B independent service times], the mean time of a batch (Prop. 4.1).

    For sorted values v of a sample of n it is Σ vᵢ [(i/n)ᴮ − ((i−1)/n)ᴮ] (*derived*), summed by
    parts so that nothing cancels.

    Raises:
        ValueError: the sample is empty, a time is negative, NaN or infinite, the mean is infinite,
            or the batch size is no whole number ≥ 1.

    >>> from multibin.lab import theory
    >>> theory.expected_max([1, 3], batch_size=2)
    2.5
    """
    size = count("batch_size", batch_size)
    if isinstance(times, Distribution):
        return times.expected_max(size, times.lo, times.hi)
    return _sample_max(np.sort(sample("times", times)), size)


def _sample_max(ordered: Floats, batch_size: int) -> float:
    n = ordered.size
    all_below = (np.arange(1, n) / n) ** batch_size
    return float(ordered[-1] - all_below @ np.diff(ordered))


def per_bin(
    times: ArrayLike | Distribution,
    edges: ArrayLike | mb.Edges,
    batch_size: int,
    predicted: ArrayLike | None = None,
) -> PerBin:
    """Returns mass and E[max of B | bin] of each bin.

    With ``predicted``, shape ``[n]``, each request goes to the bin of its predicted time, and takes
    its actual one (§6.2 for any error). Times are compared with the bounds as they
    are; the scheduler rounds lengths up first.

    Raises:
        ValueError: ``expected_max`` refuses an argument, or the bounds do not increase.
            ``predicted`` comes with a ``Distribution``, or is not as long as ``times``.

    >>> from multibin.lab import theory
    >>> theory.per_bin([1, 9], [0, 5, 10], 8, predicted=[9, 9]).mass.tolist()
    [0.0, 1.0]
    """
    size, cuts = count("batch_size", batch_size), bounds("edges", edges)
    if not isinstance(times, Distribution):
        return _per_bin_of_sample(sample("times", times), cuts[1:-1], size, predicted)
    if predicted is not None:
        raise ValueError(sentence("predicted", "left out with a Distribution", predicted))
    cuts = np.concatenate([[times.lo], cuts[1:-1].clip(times.lo, times.hi), [times.hi]])
    mass = np.array([times.mass(lo, hi) for lo, hi in pairwise(cuts)])
    longest = [
        times.expected_max(size, lo, hi) if share > 0 else np.nan
        for share, (lo, hi) in zip(mass, pairwise(cuts), strict=True)
    ]
    return PerBin(mass, np.array(longest))


def _per_bin_of_sample(
    times: Floats, inner: Floats, batch_size: int, predicted: ArrayLike | None
) -> PerBin:
    keys = times if predicted is None else sample("predicted", predicted)
    if keys.shape != times.shape:
        raise ValueError(
            f"predicted must be as long as times, {times.size} values, got {keys.size}"
        )
    order = np.argsort(times)
    bin_of = np.searchsorted(inner, keys[order], side="right")
    by_bin = np.argsort(bin_of, kind="stable")
    starts = np.searchsorted(bin_of[by_bin], np.arange(inner.size + 2))
    groups = np.split(times[order][by_bin], starts[1:-1])
    longest = [_sample_max(group, batch_size) if group.size else np.nan for group in groups]
    return PerBin(np.diff(starts) / times.size, np.array(longest))


def throughput(
    times: ArrayLike | Distribution,
    edges: ArrayLike | mb.Edges,
    batch_size: int,
    predicted: ArrayLike | None = None,
) -> float:
    """Returns the requests per unit of time of one server that always finds a full batch.

    It is B / Σ mass · E[max of B | bin] (Prop. 4.1). One bin is FIFO batching.

    Raises:
        ValueError: ``per_bin`` refuses an argument, or all times are 0.

    >>> from multibin.lab import theory
    >>> theory.throughput([1, 3], [0, 2, 4], batch_size=2)
    1.0
    """
    batch_time = per_bin(times, edges, batch_size, predicted).batch_time
    return batch_size / float(positives("the mean batch time", batch_time))


def ceiling(times: ArrayLike | Distribution, batch_size: int) -> float:
    """Returns c_max = B / E[l] (Prop. 4.1) in requests per unit of time: no bins do better.

    Raises:
        ValueError: ``expected_max`` refuses an argument, or all times are 0.

    >>> from multibin.lab import theory
    >>> theory.ceiling([1, 3], batch_size=8)
    4.0
    """
    size = count("batch_size", batch_size)
    return size / float(positives("the mean of times", expected_max(times, 1)))


def latency(
    times: ArrayLike | Distribution,
    edges: ArrayLike | mb.Edges,
    batch_size: int,
    rate: float,
    predicted: ArrayLike | None = None,
) -> float:
    """Returns E[latency] with infinitely many servers, strict bins and Poisson arrivals.

    It is Σ mass · E[max | bin] + (B−1)k/(2λ), for ``rate`` λ per unit of time, in that unit. This
    is Lemma 5.1 for any bins (*derived*). A request of bin i waits (B−1)/(2λ·massᵢ) for its batch
    to fill. So the sum over requests counts each bin with mass once, however little it is.

    Raises:
        ValueError: ``per_bin`` refuses an argument, or the rate is not above 0.

    >>> from multibin.lab import theory
    >>> theory.latency([1, 3], [0, 2, 4], batch_size=2, rate=0.5)
    4.0
    """
    bins = per_bin(times, edges, batch_size, predicted)
    filling = (batch_size - 1) * np.count_nonzero(bins.mass) / (2 * positives("rate", rate))
    return bins.batch_time + float(filling)


def exponential_edges(mean: float, bins: int, batch_size: int) -> Floats:
    """Returns bounds for exponential service times, shape ``[bins + 1]``, from 0 to infinity.

    In the unit of ``mean`` = 1/μ they are l_i = (1/μ) Σ_{j=1..i} ln L_{k−j}, with L_1 = H_B and
    L_m = 1 + ln L_{m−1} (Lemma A.1).

    They are optimal where a batch's longest member ends at its bin's upper edge, that is for large
    batches. For two bins their throughput is below the best by .01 % at B = 200. At B = 8 it is
    below by 1.6 % (*derived*).

    Raises:
        ValueError: the mean is not above 0, there are no bins, or B < 2 (then all bounds are 0).

    >>> from multibin.lab import theory
    >>> theory.exponential_edges(mean=10, bins=2, batch_size=200).round(2).tolist()
    [0.0, 17.71, inf]
    """
    scale, k, size = (
        scalar("mean", positives("mean", mean)),
        count("bins", bins),
        count("batch_size", batch_size),
    )
    if size < 2:
        raise ValueError(sentence("batch_size", "at least 2", size))
    level = float((1 / np.arange(1.0, size + 1)).sum())
    gaps = []
    for _ in range(k - 1):
        gaps.append(np.log(level))
        level = 1 + np.log(level)
    return np.concatenate([[0.0], scale * np.cumsum(gaps[::-1]), [np.inf]])
