"""Edges.optimal beside brute force; fewer candidates and pairs beside all of them."""

from __future__ import annotations

from itertools import combinations, pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

import multibin as mb
from multibin.lab import theory
from multibin.lab.traces import chat, lengths, predictions

Ints = NDArray[np.int64]
N = 20_000

SAMPLES = {
    "chat": chat(N, 0).output_tokens,
    "log-normal": lengths.log_normal(N, 20_000, 1.0, 0),
    "exponential": lengths.exponential(N, 5_000, 1),
    "bimodal": lengths.bimodal(N, 600, 9_000, 0.2, 2),
    "uniform": lengths.uniform(N, 1, 20_000, 3),
}

small = st.lists(st.integers(0, 12), min_size=1, max_size=14)
small_pairs = st.lists(st.tuples(st.integers(0, 7), st.integers(0, 40)), min_size=1, max_size=30)


def longest(values: Ints, batch_size: int) -> float:
    """Returns n × E[max of batch_size] of n values."""
    share = (np.arange(len(values) + 1) / len(values)) ** batch_size
    return float(len(values) * (np.sort(values) @ np.diff(share)))


def cost(predicted: Ints, actual: Ints, edges: mb.Edges, batch_size: int) -> float:
    """Returns the cost that ``Edges.optimal`` minimises."""
    bins = np.searchsorted(edges.bounds[1:-1], predicted, side="right")
    return sum(longest(actual[bins == bin], batch_size) for bin in np.unique(bins))


def cuts(predicted: Ints, bins: int) -> list[mb.Edges]:
    """Yields all ways to cut the predictions into at most ``bins`` bins."""
    distinct = np.unique(predicted).tolist()
    ends = [distinct[0], distinct[-1] + 1]
    inner = [cut for k in range(bins) for cut in combinations(distinct[1:], k)]
    return [mb.Edges([ends[0], *cut, ends[1]]) for cut in inner]


@given(small, st.integers(1, 5), st.integers(1, 40))
def test_optimal_is_the_best_of_all_cuts(values: list[int], bins: int, batch_size: int) -> None:
    sample = np.array(values)
    least = min(cost(sample, sample, edges, batch_size) for edges in cuts(sample, bins))
    for candidates in (256, None):
        edges = mb.Edges.optimal(sample, bins, batch_size, candidates)
        assert edges.bins <= bins
        assert cost(sample, sample, edges, batch_size) <= least * (1 + 1e-9)


@given(small_pairs, st.integers(1, 4), st.integers(1, 40))
def test_optimal_of_pairs_is_the_best_of_all_cuts(
    pairs: list[tuple[int, int]], bins: int, batch_size: int
) -> None:
    predicted, actual = np.array(pairs).T
    edges = mb.Edges.optimal(predicted, bins, batch_size, actual=actual, monotone=False)
    least = min(cost(predicted, actual, edges, batch_size) for edges in cuts(predicted, bins))
    assert edges.bins <= min(bins, len(np.unique(predicted)))
    assert cost(predicted, actual, edges, batch_size) <= least * (1 + 1e-9)


def falling(below: NDArray[np.float64], sizes: Ints) -> NDArray[np.float64]:
    """Returns the isotonic regression by its minimax formula.

    Group i has the least, over a ≤ i, of the largest share, over b ≥ i, of the groups a to b.
    """
    groups = range(len(sizes))

    def highest(a: int, i: int) -> float:
        return max(float(below[a : b + 1].sum() / sizes[a : b + 1].sum()) for b in groups[i:])

    return np.array([min(highest(a, i) for a in groups[: i + 1]) for i in groups])


def smoothed_cost(predicted: Ints, actual: Ints, edges: mb.Edges, batch_size: int) -> float:
    """Returns the cost with shares that fall as predictions grow."""
    groups, sizes = np.unique(predicted, return_counts=True)
    values = np.unique(actual)
    counts = (actual <= values[:, None])[:, None] & (predicted == groups[:, None])
    shares = np.array([falling(below, sizes) for below in counts.sum(2)])
    total = 0.0
    for lo, hi in pairwise([0, *np.searchsorted(groups, edges.bounds[1:-1]), len(groups)]):
        n = sizes[lo:hi].sum()
        power = (shares[:, lo:hi] @ sizes[lo:hi] / n) ** batch_size
        total += float(n * (values[-1] - power[:-1] @ np.diff(values)))
    return total


@given(small_pairs, st.integers(1, 4), st.integers(1, 40))
def test_monotone_optimal_is_the_best_of_all_cuts(
    pairs: list[tuple[int, int]], bins: int, batch_size: int
) -> None:
    predicted, actual = np.array(pairs).T
    edges = mb.Edges.optimal(predicted, bins, batch_size, actual=actual)
    costs = [smoothed_cost(predicted, actual, e, batch_size) for e in cuts(predicted, bins)]
    assert smoothed_cost(predicted, actual, edges, batch_size) <= min(costs) * (1 + 1e-9)


@pytest.mark.parametrize("name", SAMPLES)
def test_256_candidates_cost_little_more_than_all(name: str) -> None:
    sample = SAMPLES[name]
    exact, thinned = (mb.Edges.optimal(sample, 32, 32, c) for c in (None, 256))
    assert exact.bins == thinned.bins == 32
    ratio = cost(sample, sample, thinned, 32) / cost(sample, sample, exact, 32)
    assert 1 - 1e-9 <= ratio <= 1.002


def test_more_bins_than_candidates_are_made() -> None:
    sample = np.arange(5_000)
    assert 180 <= mb.Edges.optimal(sample, 200, 32, 8).bins <= 200
    assert mb.Edges.optimal(sample, 4, 32, 1) == mb.Edges.optimal(sample, 4, 32, 4)


@pytest.mark.parametrize("name", SAMPLES)
def test_exact_predictions_are_like_one_sample(name: str) -> None:
    sample = SAMPLES[name]
    alone = cost(sample, sample, mb.Edges.optimal(sample, 16, 32), 32)
    for monotone in (True, False):
        edges = mb.Edges.optimal(sample, 16, 32, actual=sample, monotone=monotone)
        assert cost(sample, sample, edges, 32) == pytest.approx(alone, rel=0.002)


@pytest.mark.parametrize("sigma", [0.5, 1.0])
@pytest.mark.parametrize(("bins", "batch_size"), [(8, 8), (16, 32), (32, 32)])
def test_pairs_gain_at_least_as_much_on_fresh_requests(
    sigma: float, bins: int, batch_size: int
) -> None:
    actual, fresh = chat(N, 1).output_tokens, chat(10 * N, 2).output_tokens
    predicted = predictions.log_normal(actual, sigma, 3)
    fresh_predicted = predictions.log_normal(fresh, sigma, 4)
    fitted = [mb.Edges.optimal(predicted, bins, batch_size, actual=a) for a in (None, actual)]
    alone, pairs = (theory.throughput(fresh, e, batch_size, fresh_predicted) for e in fitted)
    assert alone <= pairs


def test_pairs_see_what_predictions_alone_do_not() -> None:
    """Predictions below 100 are useless; those above are exact."""
    predicted = lengths.uniform(N, 1, 200, 5)
    actual = np.where(predicted < 100, lengths.uniform(N, 1, 100, 6), predicted)
    for monotone in (True, False):
        edges = mb.Edges.optimal(predicted, 8, 32, actual=actual, monotone=monotone)
        assert np.isclose(edges.bounds[1], 100, atol=2)
        alone = mb.Edges.optimal(predicted, 8, 32)
        gain = cost(predicted, actual, alone, 32) / cost(predicted, actual, edges, 32)
        assert gain > 1.02


def test_pairs_whose_tails_do_not_follow_the_predictions_are_kept_apart_as_sampled() -> None:
    rng = np.random.default_rng(0)
    predicted = rng.choice([90, 100], N)
    actual = np.where(predicted == 90, rng.choice([10, 1000], N), 100)
    edges = mb.Edges.optimal(predicted, 2, 32, actual=actual, monotone=False)
    assert edges.bounds.tolist() == [90, 91, 101]
