"""A scheduler that cuts by measured costs, on the virtual clock."""

from __future__ import annotations

import numpy as np
import pytest

import multibin as mb
from multibin.lab.traces import from_arrays
from multibin.lab.traces.arrivals import ClosedLoop


def table() -> mb.CostTable:
    rows, lengths = np.array([1, 8]), np.array([0, 100])
    return mb.CostTable.of_batches(rows, lengths, 0.05 + 0.001 * rows[:, None] * lengths)


def test_a_batch_takes_its_seconds_of_the_table() -> None:
    lengths = np.random.default_rng(1).integers(1, 100, 200)
    trace = from_arrays(lengths, np.ones_like(lengths), predicted=lengths)
    config = mb.SchedulerConfig(mb.Edges([0, 50, 100]), 8, costs=table())
    records = mb.simulate(trace, scheduler=config, costs=table())
    batches = records.batches
    assert batches.rows.sum() == 200
    for batch, rows in enumerate(batches.rows.tolist()):
        longest = int(lengths[records.batch == batch].max())
        seconds = table().seconds("prefill", rows=rows, tokens=longest)
        assert batches.finish[batch] - batches.start[batch] == pytest.approx(seconds)


def test_costs_serve_a_closed_loop_faster() -> None:
    rng = np.random.default_rng(0)
    lengths = rng.integers(1, 100, 2_000)
    trace = from_arrays(lengths, np.ones_like(lengths), predicted=lengths)
    loop = ClosedLoop(16, np.zeros(2_000))

    def finish(costs: mb.CostTable | None) -> float:
        config = mb.SchedulerConfig(mb.Edges([0, 100]), 8, costs=costs)
        records = mb.simulate(trace, scheduler=config, costs=table(), closed_loop=loop)
        assert np.isfinite(records.finish).all()
        return float(records.finish.max())

    assert finish(table()) < 0.95 * finish(None)
