"""The time of a fit of edges: 20,000 requests, 32 bins, B = 32, one core."""

from __future__ import annotations

import numpy as np
import pytest
from pytest_benchmark.fixture import BenchmarkFixture

import multibin as mb
from multibin.lab.traces import lengths, predictions

N, BINS, BATCH = 20_000, 32, 32
# About 17,000 distinct lengths, and about as many as the answers of a chat have.
LENGTHS = lengths.log_normal(N, 20_000, 1.0, seed=0)
TOKENS = lengths.log_normal(N, 128, 1.0, seed=0, high=1000)


@pytest.mark.benchmark(group="edges, 20,000 requests")
@pytest.mark.parametrize("candidates", [256, 1024])
def test_optimal(benchmark: BenchmarkFixture, candidates: int) -> None:
    benchmark(lambda: mb.Edges.optimal(LENGTHS, BINS, BATCH, candidates))
    benchmark.extra_info["fits"] = 1


@pytest.mark.benchmark(group="edges, 20,000 requests")
def test_exact_optimal(benchmark: BenchmarkFixture) -> None:
    benchmark(lambda: mb.Edges.optimal(TOKENS, BINS, BATCH, None))
    benchmark.extra_info["fits"] = 1
    benchmark.extra_info["distinct"] = len(np.unique(TOKENS))


@pytest.mark.benchmark(group="edges, 20,000 requests")
@pytest.mark.parametrize("monotone", [True, False])
def test_optimal_of_pairs(benchmark: BenchmarkFixture, monotone: bool) -> None:
    predicted = predictions.log_normal(LENGTHS, 0.5, seed=1)
    fit = mb.Edges.optimal
    benchmark(lambda: fit(predicted, BINS, BATCH, actual=LENGTHS, monotone=monotone))
    benchmark.extra_info["fits"] = 1
