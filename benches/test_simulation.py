"""Queue entries a second that the simulation plays, with records, one core, B = 32."""

from __future__ import annotations

from typing import Literal

import numpy as np
import pytest
from pytest_benchmark.fixture import BenchmarkFixture

import multibin as mb
from multibin.lab.traces import Trace, arrivals, lengths

N = 1_000_000
COSTS = mb.CostModel(fixed=0.05, step=0.02)
OUTPUT = lengths.log_normal(N, 128, 1.0, seed=0, high=1000)
# Near the saturation of FIFO's baselines, where servers are seldom idle.
ARRIVALS = arrivals.poisson(N, 5.8, seed=1)


def play(benchmark: BenchmarkFixture, trace: Trace, scheduler: mb.SchedulerConfig) -> None:
    records = benchmark(lambda: mb.simulate(trace, scheduler=scheduler, costs=COSTS))
    benchmark.extra_info["entries"] = int(records.entries.sum())


@pytest.mark.benchmark(group="simulation, 1,000,000 requests")
@pytest.mark.parametrize("fill", ["strict", "elastic"])
def test_simulated_bins(benchmark: BenchmarkFixture, fill: Literal["elastic", "strict"]) -> None:
    trace = Trace(np.ones(N, np.int64), OUTPUT, ARRIVALS)
    edges = mb.Edges.optimal(OUTPUT[:20_000], 16, 32)
    play(benchmark, trace, mb.SchedulerConfig(edges, 32, fill=fill))


@pytest.mark.benchmark(group="simulation, 1,000,000 requests")
def test_simulated_climbing(benchmark: BenchmarkFixture) -> None:
    trace = Trace(np.ones(N, np.int64), OUTPUT, ARRIVALS, np.zeros(N, np.int64))
    edges = mb.Edges.feedback(OUTPUT[:20_000], 12, 2.0)
    play(benchmark, trace, mb.SchedulerConfig(edges, 32, overrun="climb"))
