"""Arrivals, lengths and predictions against the distributions they are said to have.

Seeds are fixed; a tolerance is four or more standard errors of what it bounds.
"""

from __future__ import annotations

from collections.abc import Callable
from math import exp, log
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import multibin as mb
from multibin.lab.traces import arrivals, lengths, predictions

N = 100_000
ACTUAL = lengths.log_normal(N, 130, 1.0, seed=9, high=1000)
SEEDED: list[Callable[[int], Any]] = [
    lambda seed: arrivals.poisson(50, 2.0, seed),
    lambda seed: arrivals.gamma(50, 2.0, 3.0, seed),
    lambda seed: lengths.log_normal(50, 100, 1.0, seed),
    lambda seed: lengths.uniform(50, 1, 1000, seed),
    lambda seed: lengths.exponential(50, 100, seed),
    lambda seed: lengths.bimodal(50, 20, 500, 0.5, seed),
    lambda seed: lengths.empirical(50, ACTUAL, seed),
    lambda seed: predictions.log_normal(ACTUAL, 0.5, seed),
    lambda seed: predictions.confused(ACTUAL, mb.Edges.quantile(ACTUAL, 8), 0.2, seed),
    lambda seed: predictions.shuffled(ACTUAL, seed),
]


@pytest.mark.parametrize("draw", SEEDED)
def test_a_seed_decides_everything(draw: Callable[[int], Any]) -> None:
    assert (draw(5) == draw(5)).all()
    assert (draw(5) != draw(6)).any()
    with pytest.raises(ValueError, match="seed must be at least 0, got -1"):
        draw(-1)
    with pytest.raises(TypeError, match=r"seed must be an int, got 0.5"):
        draw(0.5)  # type: ignore[arg-type]


@pytest.mark.parametrize("cv", [0.25, 1.0, 4.0])
def test_gaps_have_the_rate_and_the_variation(cv: float) -> None:
    times = arrivals.gamma(N, 5.0, cv, seed=1)
    gaps = np.diff(times)
    assert (len(times), times[0]) == (N, 0.0)
    assert (gaps >= 0).all()
    assert gaps.mean() == pytest.approx(0.2, rel=4 * cv / N**0.5)
    assert gaps.std() / gaps.mean() == pytest.approx(cv, rel=0.05)


def test_poisson_gaps_are_exponential_and_independent() -> None:
    gaps = np.diff(arrivals.poisson(N, 5.0, seed=2))
    for t in (0.05, 0.2, 0.8):
        assert (gaps > t).mean() == pytest.approx(exp(-5 * t), abs=2 / N**0.5)
    assert np.corrcoef(gaps[1:], gaps[:-1])[0, 1] == pytest.approx(0, abs=4 / N**0.5)
    counts = np.histogram(np.cumsum(gaps), np.arange(0, 15_000, 10))[0]
    assert counts.var() / counts.mean() == pytest.approx(1, abs=0.15), "Poisson counts"


def test_a_backlog_is_there_at_once() -> None:
    assert arrivals.backlog(3).tolist() == [0.0, 0.0, 0.0]
    assert arrivals.poisson(1, 2.0, 0).tolist() == [0.0]


def test_log_normal_lengths() -> None:
    drawn = lengths.log_normal(N, 1000, 0.5, seed=3)
    assert np.log(drawn).mean() == pytest.approx(log(1000), abs=0.007)
    assert np.log(drawn).std() == pytest.approx(0.5, abs=0.005)
    cut = lengths.log_normal(N, 1000, 0.5, seed=3, low=500, high=2000)
    assert (cut == np.clip(drawn, 500, 2000)).all()
    assert set(lengths.log_normal(9, 32, 0.0, seed=3).tolist()) == {32}


def test_uniform_lengths_include_both_ends() -> None:
    counts = np.bincount(lengths.uniform(N, 5, 14, seed=4))
    assert counts[:5].sum() == 0
    assert counts[5:] == pytest.approx([N / 10] * 10, abs=4 * (N * 0.09) ** 0.5)
    assert set(lengths.uniform(9, 7, 7, 0).tolist()) == {7}


def test_exponential_lengths() -> None:
    drawn = lengths.exponential(N, 100, seed=5)
    assert drawn.min() == 1
    assert drawn.mean() == pytest.approx(1 / (1 - exp(-0.01)), rel=4 / N**0.5), "geometric"
    assert (drawn > 230).mean() == pytest.approx(exp(-2.3), abs=2 / N**0.5)


def test_bimodal_lengths() -> None:
    drawn = lengths.bimodal(N, 50, 5000, 0.3, seed=6, sigma=0.2)
    long = drawn > 500
    assert long.mean() == pytest.approx(0.3, abs=2 / N**0.5)
    assert np.median(drawn[long]) == pytest.approx(5000, rel=0.01)
    assert np.median(drawn[~long]) == pytest.approx(50, abs=1)
    assert np.log(drawn[long]).std() == pytest.approx(0.2, abs=0.005)


def test_empirical_lengths() -> None:
    counts = np.bincount(lengths.empirical(N, [3, 9, 9, 9], seed=7))
    assert set(np.flatnonzero(counts)) == {3, 9}
    assert counts[3] == pytest.approx(N / 4, abs=2 * N**0.5)


@given(
    st.integers(1, 50),
    st.floats(1e-3, 1e6),
    st.floats(0, 5),
    st.integers(1, 1000),
    st.integers(0, 5000),
)
def test_lengths_stay_within_their_bounds(
    n: int, median: float, sigma: float, low: int, width: int
) -> None:
    high = low + width
    for drawn in (
        lengths.log_normal(n, median, sigma, 0, low=low, high=high),
        lengths.exponential(n, median, 0, low=low, high=high),
        lengths.bimodal(n, median, 2 * median, 0.5, 0, sigma=sigma, low=low, high=high),
        lengths.uniform(n, low, high, 0),
    ):
        assert drawn.shape == (n,)
        assert drawn.dtype == np.int64
        assert drawn.min() >= low
        assert drawn.max() <= high


def test_the_oracle_knows_and_shuffling_knows_nothing() -> None:
    assert (predictions.oracle(ACTUAL) == ACTUAL).all()
    shuffled = predictions.shuffled(ACTUAL, seed=8)
    assert (np.sort(shuffled) == np.sort(ACTUAL)).all()
    assert np.corrcoef(shuffled, ACTUAL)[0, 1] == pytest.approx(0, abs=4 / N**0.5)


def test_the_log_normal_error_has_its_sigma_and_no_bias() -> None:
    long = ACTUAL + 1000  # Rounding to whole tokens does not show.
    error = np.log(predictions.log_normal(long, 0.5, seed=10) / long)
    assert error.mean() == pytest.approx(0, abs=4 * 0.5 / N**0.5)
    assert error.std() == pytest.approx(0.5, abs=0.005)
    assert (predictions.log_normal(ACTUAL, 0.0, seed=10) == ACTUAL).all()
    assert predictions.log_normal(np.ones(1000, np.int64), 2.0, seed=10).min() == 1


EDGES = [
    mb.Edges.quantile(ACTUAL, 8),
    mb.Edges([50, 60]),
    mb.Edges([50, 100, 400]),
    mb.Edges([0, 1, 2, 3, 500]),
]


@pytest.mark.parametrize("edges", EDGES, ids=repr)
@pytest.mark.parametrize("pe", [0.0, 0.1, 0.5])
def test_confusion_moves_to_each_neighbour_with_its_probability(edges: mb.Edges, pe: float) -> None:
    predicted = predictions.confused(ACTUAL, edges, pe, seed=11)
    of = np.array([edges.bin(length) for length in range(1001)])
    before, step = of[ACTUAL], of[predicted] - of[ACTUAL]
    last = edges.bins - 1
    assert (predicted[step == 0] == ACTUAL[step == 0]).all()
    for at in np.unique(before):
        rows = step[before == at]
        tolerance = 2 / len(rows) ** 0.5 + 1e-12
        assert (rows == -1).mean() == pytest.approx(pe if at > 0 else 0, abs=tolerance)
        assert (rows == 1).mean() == pytest.approx(pe if at < last else 0, abs=tolerance)
        assert (np.abs(rows) <= 1).all()
    assert pe > 0 or (step == 0).all()


def test_a_confused_length_is_the_nearest_of_the_wrong_bin() -> None:
    edges = mb.Edges([0, 10, 20, 30])
    predicted = predictions.confused(np.full(100, 13), edges, 0.5, seed=12)
    assert set(predicted.tolist()) == {9, 20}


BAD: list[tuple[Callable[[], Any], type[Exception], str]] = [
    (lambda: arrivals.poisson(0, 1.0, 0), ValueError, "n must be at least 1, got 0"),
    (lambda: arrivals.poisson(1.5, 1.0, 0), TypeError, "n must be an int, got 1.5"),  # type: ignore[arg-type]
    (lambda: arrivals.poisson(9, 0.0, 0), ValueError, "rate must be finite and above 0, got 0"),
    (
        lambda: arrivals.poisson(9, np.inf, 0),
        ValueError,
        "rate must be finite and above 0, got inf",
    ),
    (lambda: arrivals.poisson(9, "x", 0), TypeError, "rate must be a number, got 'x'"),  # type: ignore[arg-type]
    (
        lambda: arrivals.gamma(9, 1.0, np.nan, 0),
        ValueError,
        "cv must be finite and above 0, got nan",
    ),
    (lambda: arrivals.backlog(-1), ValueError, "n must be at least 1, got -1"),
    (
        lambda: lengths.log_normal(9, 0, 1.0, 0),
        ValueError,
        "median must be finite and above 0, got 0",
    ),
    (lambda: lengths.log_normal(9, 5, -1.0, 0), ValueError, "sigma must be at least 0, got -1"),
    (
        lambda: lengths.log_normal(9, 5, 1.0, 0, low=0),
        ValueError,
        "low must be at least 1, got 0",
    ),
    (
        lambda: lengths.log_normal(9, 5, 1.0, 0, low=9, high=8),
        ValueError,
        "high must be at least 9, got 8",
    ),
    (lambda: lengths.uniform(9, 0, 5, 0), ValueError, "lo must be at least 1, got 0"),
    (lambda: lengths.uniform(9, 6, 5, 0), ValueError, "hi must be at least 6, got 5"),
    (lambda: lengths.exponential(9, -1, 0), ValueError, "mean must be finite and above 0, got -1"),
    (
        lambda: lengths.bimodal(9, 0, 5, 0.5, 0),
        ValueError,
        "short must be finite and above 0, got 0",
    ),
    (
        lambda: lengths.bimodal(9, 5, np.nan, 0.5, 0),
        ValueError,
        "long must be finite and above 0, got nan",
    ),
    (
        lambda: lengths.bimodal(9, 5, 50, 1.5, 0),
        ValueError,
        "share must be between 0 and 1, got 1.5",
    ),
    (lambda: lengths.empirical(9, [], 0), ValueError, "sample must have at least 1 element, got 0"),
    (
        lambda: lengths.empirical(9, [0], 0),
        ValueError,
        r"sample\[0\] must be between 1 and 4294967295, got 0",
    ),
    (
        lambda: lengths.empirical(9, [1.5], 0),
        TypeError,
        "sample must have an integer dtype, got float64",
    ),
    (
        lambda: predictions.oracle([0]),
        ValueError,
        r"actual\[0\] must be between 1 and 4294967295, got 0",
    ),
    (lambda: predictions.log_normal([1], -1, 0), ValueError, "sigma must be at least 0, got -1"),
    (
        lambda: predictions.confused([1], EDGES[0], 0.6, 0),
        ValueError,
        "pe must be between 0 and 0.5, got 0.6",
    ),
    (
        lambda: predictions.confused([1], [0, 5], 0.1, 0),  # type: ignore[arg-type]
        TypeError,
        r"edges must be multibin.Edges, got \[0, 5\]",
    ),
]


@pytest.mark.parametrize(("call", "error", "message"), BAD, ids=[message for *_, message in BAD])
def test_bad_arguments_are_named(
    call: Callable[[], Any], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        call()
