"""Adaptive edges in the simulation: those that the scheduler has."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

import multibin as mb
from multibin.lab.traces import Trace, lengths

BATCH, N = 8, 30_000


def draw(n: int, mean: float, seed: int) -> NDArray[np.int64]:
    return lengths.exponential(n, mean, seed, high=4000)


def play(
    output: NDArray[np.int64],
    predicted: NDArray[np.int64] | None = None,
    gate: bool = False,
    **options: Any,
) -> mb.Records:
    """One request every half second; edges for lengths of mean 20."""
    n = len(output)
    times = np.arange(n) / 2
    return mb.simulate(
        Trace(np.zeros(n, np.int64), output, arrivals=times, predicted=predicted),
        scheduler=mb.SchedulerConfig(
            mb.Edges.optimal(draw(20_000, 20, 2), 16, BATCH), BATCH, **options
        ),
        costs=mb.CostModel(step=0.01),
        gate=gate,
    )


def test_adaptive_edges_serve_a_drifted_workload_faster() -> None:
    output = np.concatenate([draw(N // 5, 20, 0), draw(N - N // 5, 400, 1)])
    fixed, adaptive = play(output), play(output, adapt=mb.Adapt())
    assert adaptive.throughput > 1.4 * fixed.throughput


def test_a_gate_of_the_scheduler_is_that_of_the_simulation() -> None:
    output, noise = draw(N // 5, 200, 0), draw(N // 5, 20, 1)
    own = play(output, noise, adapt=mb.Adapt(edges=False)).finish
    np.testing.assert_array_equal(own, play(output, noise, gate=True).finish)
    assert not np.array_equal(own, play(output, noise).finish)
    both = play(output, noise, adapt=mb.Adapt()).finish
    edges = play(output, noise, gate=True, adapt=mb.Adapt(gate=False)).finish
    np.testing.assert_array_equal(both, edges)


def test_the_records_say_when_edges_were_swapped() -> None:
    output = np.concatenate([draw(N // 5, 20, 0), draw(N // 5, 400, 1)])
    records = play(output, adapt=mb.Adapt(gate=False))
    assert records.adaptation is not None
    counts = records.adaptation["edges"]
    assert len(records.events) == counts["swaps"] > 0
    assert counts["drifts"] > 0
    ends = records.batches.finish
    for event in records.events:
        assert event.kind == "swapped"
        assert event.bins is not None
        assert 1 <= event.bins <= 16
        assert event.gain >= 0.02
        assert abs(ends - event.time).min() < 1e-6
    drifted = records.arrival[N // 5]
    assert any(event.time > drifted and event.gain > 0.1 for event in records.events)
