"""What must hold for any service times: FIFO below, the ceiling above, more bins between."""

from __future__ import annotations

from fractions import Fraction
from math import erfc, gamma

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

import multibin as mb
from multibin.lab import theory
from multibin.lab.theory import Distribution

SAMPLES = st.lists(st.integers(0, 60), min_size=1, max_size=40).filter(any)
EDGES = st.sets(st.integers(0, 70), min_size=2, max_size=8).map(sorted)
BATCH_SIZES = st.sampled_from([1, 2, 3, 8, 128])
quick = settings(max_examples=150, deadline=None, derandomize=True)


@quick
@given(SAMPLES, BATCH_SIZES)
def test_expected_max_is_the_definition(sample: list[int], batch_size: int) -> None:
    n = len(sample)
    shares = [Fraction(i, n) ** batch_size for i in range(n + 1)]
    exact = sum(v * (shares[i + 1] - shares[i]) for i, v in enumerate(sorted(sample)))
    assert theory.expected_max(sample, batch_size) == pytest.approx(float(exact), rel=1e-12)


@quick
@given(SAMPLES, EDGES, BATCH_SIZES)
def test_between_fifo_and_the_ceiling(sample: list[int], edges: list[int], batch_size: int) -> None:
    fifo = theory.throughput(sample, [0, 1], batch_size)
    assert fifo == pytest.approx(batch_size / theory.expected_max(sample, batch_size))
    binned = theory.throughput(sample, edges, batch_size)
    ceiling = theory.ceiling(sample, batch_size)
    assert fifo * (1 - 1e-12) <= binned <= ceiling * (1 + 1e-12)
    if batch_size == 1:
        assert binned == pytest.approx(ceiling)


@quick
@given(SAMPLES, EDGES, st.integers(0, 70), BATCH_SIZES)
def test_one_more_edge_never_costs(
    sample: list[int], edges: list[int], edge: int, batch_size: int
) -> None:
    finer = sorted({*edges, edge})
    before = theory.throughput(sample, edges, batch_size)
    inner = edges[0] < edge < edges[-1]
    after = theory.throughput(sample, finer if inner else edges, batch_size)
    assert after >= before * (1 - 1e-12)


@quick
@given(SAMPLES, EDGES)
def test_bins_are_those_of_the_scheduler(sample: list[int], edges: list[int]) -> None:
    of = mb.Edges(edges)
    bins = theory.per_bin(sample, of, 3)
    counted = np.bincount([of.bin(v) for v in sample], minlength=of.bins) / len(sample)
    assert bins.mass == pytest.approx(counted)
    assert (np.isnan(bins.expected_max) == (counted == 0)).all()
    again = theory.per_bin(sample, [*edges[:-1], np.inf], 3)
    assert np.array_equal(again.expected_max, bins.expected_max, equal_nan=True)


def test_a_million_times_lose_no_digits() -> None:
    n, size = 1_000_000, 128
    exact = size / (size + 1) + 1 / (2 * n) - size / (12 * n**2)  # Euler–Maclaurin for i/n.
    ours = theory.expected_max(np.arange(n, 0, -1) / n, size)
    assert ours == pytest.approx(exact, rel=1e-14, abs=0)


def test_predictions() -> None:
    rng = np.random.default_rng(1)
    sample = rng.lognormal(4, 1, 20_000)
    edges = mb.Edges.optimal(np.ceil(sample), 8, 32)
    perfect, fifo = (theory.throughput(sample, e, 32) for e in (edges, [0, 1]))
    assert theory.throughput(sample, edges, 32, predicted=sample) == perfect
    noisy = theory.throughput(sample, edges, 32, sample * rng.lognormal(0, 0.5, sample.size))
    useless = theory.throughput(sample, edges, 32, rng.permutation(sample))
    assert fifo * 1.1 < noisy < perfect * 0.9
    assert useless == pytest.approx(fifo, rel=0.05)


class TestUniform:
    K = np.arange(1, 200)

    def test_throughput_rises_from_fifo_to_the_ceiling(self) -> None:
        rates = theory.uniform_throughput(self.K, 128, 1, 20)
        uniform = Distribution.uniform(1, 20)
        assert rates[0] == pytest.approx(theory.throughput(uniform, [1, 20], 128), rel=1e-10)
        assert (np.diff(rates) > 0).all()
        assert (rates < theory.ceiling(uniform, 128)).all()

    @pytest.mark.parametrize("share", [0.9, 0.3, 0.11, 0.02, 0.003])
    def test_bins_needed_is_the_least(self, share: float) -> None:
        epsilon = share * 12.190476
        needed = int(theory.uniform_bins_needed(epsilon, 128, 1, 20))
        assert 12.190476 - theory.uniform_throughput(needed, 128, 1, 20) <= epsilon * (1 + 1e-6)
        if needed > 1:
            assert 12.190476 - theory.uniform_throughput(needed - 1, 128, 1, 20) > epsilon

    def test_bins_needed_when_the_bound_is_whole(self) -> None:
        mean, excess = 10.5, 19 * 127 / 258
        k = np.arange(2, 50)
        epsilon = 128 / mean - 128 / (mean + excess / k)
        assert theory.uniform_bins_needed(epsilon, 128, 1, 20).tolist() == k.tolist()

    @pytest.mark.parametrize("size", [1, 2, 8, 128])
    def test_best_bins_have_the_least_latency(self, size: int) -> None:
        for rate in np.geomspace(0.01, 1000, 40):
            latencies = theory.uniform_latency(self.K, size, 1, 20, rate)
            best = int(theory.uniform_best_bins(size, 1, 20, rate))
            if best < self.K.size:
                assert latencies[best - 1] <= latencies.min() * (1 + 1e-12), rate
            else:
                assert latencies.argmin() == self.K.size - 1

    def test_errors_cost_and_never_more_than_binning_gains(self) -> None:
        pe = np.linspace(0, 0.5, 51)
        rates = theory.uniform_throughput_with_errors(self.K[:, None], 128, 1, 20, pe)
        assert rates[:, 0] == pytest.approx(theory.uniform_throughput(self.K, 128, 1, 20))
        assert (np.diff(rates) <= 1e-12).all()
        assert (rates >= rates[0, 0] * (1 - 1e-12)).all()
        assert rates[0] == pytest.approx(np.full(51, rates[0, 0])), "one bin confuses nothing"
        assert (np.diff(rates[1]) < 0).all()

    def test_tiny_errors_cost_little(self) -> None:
        pe = np.array([0.0, 1e-300, 1e-15, 1e-9])
        rates = theory.uniform_throughput_with_errors(4, 128, 1, 20, pe)
        assert rates == pytest.approx(np.full(4, rates[0]), rel=1e-6)

    def test_equal_times(self) -> None:
        assert theory.uniform_throughput([1, 9], 8, 5, 5) == pytest.approx([1.6, 1.6])
        assert theory.uniform_bins_needed(0.01, 8, 5, 5) == 1
        assert theory.uniform_best_bins(8, 5, 5, rate=100) == 1

    def test_batches_of_one_need_no_bins(self) -> None:
        assert theory.uniform_best_bins(1, 1, 20, rate=100) == 1
        assert theory.uniform_bins_needed(0.01, 1, 1, 20) == 1


class TestDistribution:
    def test_uniform_bins_have_their_closed_form(self) -> None:
        bins = theory.per_bin(Distribution.uniform(1, 20), [1, 3, 7.5, 20], 128)
        assert bins.mass == pytest.approx([2 / 19, 4.5 / 19, 12.5 / 19])
        exact = [hi - (hi - lo) / 129 for lo, hi in [(1, 3), (3, 7.5), (7.5, 20)]]
        assert bins.expected_max == pytest.approx(exact, rel=1e-10)

    @pytest.mark.parametrize("mean", [1e-9, 1.0, 1e12])
    @pytest.mark.parametrize("size", [1, 8, 128, 100_000])
    def test_exponential_has_harmonic_numbers(self, mean: float, size: int) -> None:
        exact = mean * (1 / np.arange(1.0, size + 1)).sum()
        ours = theory.expected_max(Distribution.exponential(mean), size)
        assert ours == pytest.approx(exact, rel=1e-10)

    def test_a_power_tail(self) -> None:
        pareto = Distribution(lambda x: np.maximum(x, 1.0) ** -1.5, lo=1)
        exact = gamma(129) * gamma(1 / 3) / gamma(129 - 2 / 3)
        assert theory.expected_max(pareto, 128) == pytest.approx(exact, rel=1e-9)
        with pytest.raises(ValueError, match="the mean of times is infinite"):
            theory.expected_max(Distribution(lambda x: 1 / np.maximum(x, 1.0), lo=1), 2)

    def test_jumps_and_narrow_peaks_are_seen(self) -> None:
        steps = Distribution(lambda x: np.where(x < 3.3, 1, np.where(x < 7.7, 0.5, 0)), 0, 1e6)
        assert theory.expected_max(steps, 3) == pytest.approx(7.7 - 4.4 / 8, rel=1e-9)
        last = Distribution(lambda x: np.where(x < 127.9, 1, 0), 0, 1000)
        assert theory.expected_max(last, 3) == pytest.approx(127.9, rel=1e-9), "past the last node"
        first = Distribution(lambda x: np.where(x < 5, 0.5, 0), 1, 9)
        assert theory.expected_max(first, 2) == pytest.approx(0.25 * 1 + 0.75 * 5), "at lo"
        atom = Distribution(lambda x: np.where(x < 1e9 + 0.1, 1, 0), 1e9, 2e9)
        assert theory.expected_max(atom, 5) == pytest.approx(1e9 + 0.1, rel=1e-12)

    def test_bins_of_almost_no_mass(self) -> None:
        exponential = Distribution.exponential(10)
        bins = theory.per_bin(exponential, [0, 300, 320, 321, np.inf], 200)
        assert (bins.expected_max[1:3] < [320, 321]).all()
        assert (bins.expected_max[1:3] > [318, 320]).all()
        assert bins.mass.sum() == pytest.approx(1, abs=1e-15)

    def test_rounding_noise_is_not_chased(self) -> None:
        asked = 0

        def survival(x: NDArray[np.float64]) -> NDArray[np.float64]:
            nonlocal asked
            asked += x.size
            assert asked < 100_000
            flat = 0.5 + 1e-15 * (101 - x) + 2e-16 * np.sin(1e9 * x)
            return np.where(x < 1, 1 - x / 2, np.where(x < 101, flat, (102 - x).clip(0) / 2))

        ours = Distribution(survival, 0, 200).expected_max(8, 1, 101)
        assert ours == pytest.approx(1 + 100 * 8 / 9, abs=0.1)

    def test_bins_outside_the_support_are_empty(self) -> None:
        bins = theory.per_bin(Distribution.uniform(5, 6), [0, 1, 5.5, 9, 12], 4)
        assert bins.mass.tolist() == [0, 0.5, 0.5, 0]
        assert np.isnan(bins.expected_max[[0, 3]]).all()

    def test_log_normal_times_as_their_sample(self) -> None:
        def survival(x: NDArray[np.float64]) -> NDArray[np.float64]:
            z = (np.log(np.maximum(x, 1e-300)) - 4) / 2**0.5
            return np.array([erfc(value) / 2 for value in z.ravel()]).reshape(z.shape)

        times = Distribution(survival)
        levels = (np.arange(20_000) + 0.5) / 20_000
        sample = times.quantile(levels)
        assert times.sf(sample) == pytest.approx(1 - levels, abs=1e-12)
        edges = times.quantile([0, 0.5, 0.8, 0.95, 1])
        smooth, drawn = (theory.per_bin(t, edges, 16) for t in (times, sample))
        assert drawn.mass == pytest.approx(smooth.mass, abs=5e-5)
        assert drawn.expected_max == pytest.approx(smooth.expected_max, rel=5e-3)
        assert theory.expected_max(times, 1) == pytest.approx(np.exp(4.5), rel=1e-10)

    def test_quantiles_are_taken_and_given_back(self) -> None:
        values = [3.0, 4.0, 10.0, 11.0, 30.0]
        times = Distribution.quantiles(values)
        assert times.quantile(np.linspace(0, 1, 5)) == pytest.approx(values)
        assert times.quantile(0.375) == pytest.approx(7.0)
        assert times.sf([0, 3, 7, 30, 99]) == pytest.approx([1, 1, 0.625, 0, 0])
        assert Distribution.exponential(2).quantile([0, 0.5, 1]) == pytest.approx(
            [0, 2 * np.log(2), np.inf]
        )


def test_latency_counts_bins_that_hold_something() -> None:
    sample = [1, 1, 6]
    assert theory.latency(sample, [0, 2, 4, 9], 3, rate=0.5) == pytest.approx(8 / 3 + 2 * 2 / 1)
    uniform = Distribution.uniform(1, 20)
    assert theory.latency(uniform, [1, 10.5, 20, 30], 128, 4) == pytest.approx(46.92636, abs=1e-5)


def test_lemma_a_1_is_best_for_large_batches() -> None:
    times = Distribution.exponential(10)
    for size, shortfall in ((200, 0.0002), (8, 0.016)):
        edge = theory.exponential_edges(10, 2, size)[1]
        best = max(
            theory.throughput(times, [0, other, np.inf], size)
            for other in np.linspace(edge, 1.4 * edge, 100)
        )
        ours = theory.throughput(times, [0, edge, np.inf], size)
        assert best * (1 - 1.05 * shortfall) < ours < best


def test_first_wait_without_a_timer() -> None:
    assert theory.first_wait([2, 4], 128, bins=3) == pytest.approx([127 * 3 / 2, 127 * 3 / 4])
    assert theory.first_wait(2, 1) == 0
    assert theory.first_wait(2, 8, 3, timer=1e6) == pytest.approx(theory.first_wait(2, 8, 3))
    assert theory.full_probability(2, 1, 1e-9) == 1
    assert theory.full_probability(2, 8, [np.inf, 1e9]).tolist() == [1, 1]


def test_climbing_levels() -> None:
    lengths = np.random.default_rng(3).geometric(0.01, 2000)
    longest = lengths.max()
    assert theory.climbing_efficiency(lengths, [0, 5], 0) == pytest.approx(lengths.mean() / longest)
    best = theory.climbing_efficiency(lengths, mb.Edges.feedback(lengths, 6, 4.5), 4.5)
    rng = np.random.default_rng(4)
    for _ in range(50):
        others = np.sort(rng.choice(np.arange(1, longest), 5, replace=False))
        assert theory.climbing_efficiency(lengths, [0, *others, longest], 4.5) <= best < 1
    beyond = theory.climbing_efficiency(lengths, [0, 50, longest + 9, longest + 99], 1)
    assert beyond == theory.climbing_efficiency(lengths, [0, 50, longest], 1)
