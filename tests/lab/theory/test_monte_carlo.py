"""The formulas against draws: within four standard errors, or a tolerance with its reason."""

from __future__ import annotations

from itertools import pairwise
from math import sqrt

import numpy as np
import pytest
from numpy.typing import NDArray

from multibin.lab import theory
from multibin.lab.theory import Distribution

Floats = NDArray[np.float64]


def four_errors(draws: Floats) -> float:
    return 4 * float(draws.std()) / sqrt(draws.size)


@pytest.mark.parametrize("batch_size", [1, 2, 8, 128])
def test_expected_max_of_a_sample(batch_size: int) -> None:
    rng = np.random.default_rng(1)
    sample = rng.lognormal(4.8, 1.0, 501)
    draws = rng.choice(sample, (10_000, batch_size)).max(axis=1)
    ours = theory.expected_max(sample, batch_size)
    assert ours == pytest.approx(draws.mean(), abs=four_errors(draws))


@pytest.mark.parametrize(("lo", "hi"), [(0.0, np.inf), (0.0, 3.0), (7.0, 9.0), (25.0, np.inf)])
def test_expected_max_of_a_bin_of_exponential_times(lo: float, hi: float) -> None:
    rng = np.random.default_rng(2)
    below, above = np.exp(-lo / 10), np.exp(-hi / 10)
    draws = -10 * np.log(below - (below - above) * rng.random((20_000, 16)).max(axis=1))
    edges = sorted({0.0, lo, hi, np.inf})
    bins = theory.per_bin(Distribution.exponential(10), edges, 16)
    i = edges.index(lo)
    assert bins.expected_max[i] == pytest.approx(draws.mean(), abs=four_errors(draws))
    assert bins.mass[i] == pytest.approx(below - above)


@pytest.mark.parametrize("bins", [2, 3, 5])
@pytest.mark.parametrize("pe", [0.02, 0.2, 0.5])
@pytest.mark.parametrize("batch_size", [2, 32])
def test_the_error_model(bins: int, pe: float, batch_size: int) -> None:
    i, golden = np.arange(300_000), (5**0.5 - 1) / 2
    actual, u = 1 + 19 * (i + 0.5) / i.size, i * golden % 1  # A lattice: even, so no noise.
    width = 19 / bins
    own = np.floor((actual - 1) / width)
    moved = (own + (u < pe) - (u > 1 - pe)).clip(0, bins - 1)
    predicted = 1 + (moved + 0.5) * width
    ours = theory.uniform_throughput_with_errors(bins, batch_size, 1, 20, pe)
    edges = 1 + width * np.arange(bins + 1)
    counted = theory.throughput(actual, edges, batch_size, predicted)
    assert counted == pytest.approx(float(ours), rel=1e-4)


def latencies(times: Floats, edges: Floats, batch_size: int, rate: float, seed: int) -> Floats:
    """Strict bins and infinitely many servers, by the definition: one mean per full batch."""
    arrival = np.cumsum(np.random.default_rng(seed).exponential(1 / rate, times.size))
    bin_of = np.searchsorted(edges[1:-1], times, side="right")
    means = []
    for i in range(edges.size - 1):
        full = np.flatnonzero(bin_of == i)
        rows = full[: full.size // batch_size * batch_size].reshape(-1, batch_size)
        finished = arrival[rows[:, -1]] + times[rows].max(axis=1)
        means.append(finished - arrival[rows].mean(axis=1))
    return np.concatenate(means)


def test_lemma_5_1_for_uniform_times() -> None:
    times = np.random.default_rng(4).uniform(1, 20, 400_000)
    drawn = latencies(times, np.linspace(1, 20, 4), 16, rate=4, seed=5)
    ours = float(theory.uniform_latency(3, 16, 1, 20, rate=4))
    assert ours == pytest.approx(drawn.mean(), abs=four_errors(drawn))


def test_lemma_5_1_for_exponential_times_in_unequal_bins() -> None:
    edges = theory.exponential_edges(10, 3, 8)
    times = np.random.default_rng(6).exponential(10, 400_000)
    drawn = latencies(times, edges, 8, rate=2, seed=7)
    ours = theory.latency(Distribution.exponential(10), edges, 8, rate=2)
    assert ours == pytest.approx(drawn.mean(), abs=four_errors(drawn))


@pytest.mark.parametrize("batch_size", [2, 8, 32])
@pytest.mark.parametrize("timer", [0.5, 3.0, 8.0])
def test_the_flush_timer(batch_size: int, timer: float) -> None:
    filled = np.random.default_rng(8).gamma(batch_size - 1, 4 / 10, 100_000)
    full = (filled <= timer).astype(float)
    ours = float(theory.full_probability(10, batch_size, timer, bins=4))
    assert ours == pytest.approx(full.mean(), abs=four_errors(full) + 1e-4)
    wait = np.minimum(filled, timer)
    ours = float(theory.first_wait(10, batch_size, bins=4, timer=timer))
    assert ours == pytest.approx(wait.mean(), abs=four_errors(wait) + 1e-4)


def test_climbing_request_by_request() -> None:
    lengths = np.random.default_rng(9).geometric(0.02, 3000)
    levels, overhead = [0, 10, 40, 90, 200, lengths.max()], 3.5
    steps = 0.0
    for length in lengths:
        for lower, upper in pairwise(levels):
            if length > lower:
                steps += upper - lower + overhead
    ours = theory.climbing_efficiency(lengths, levels, overhead)
    assert ours == pytest.approx(lengths.sum() / steps, rel=1e-12)
    smooth = Distribution(lambda x: 0.98**x, 0, float(lengths.max()))
    assert theory.climbing_efficiency(smooth, levels, overhead) == pytest.approx(ours, rel=0.03)
