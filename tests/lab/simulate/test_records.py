"""What the records say of requests that did not finish, of steps, and of very long runs."""

from __future__ import annotations

from typing import Literal

import numpy as np
import pytest

import multibin as mb
from multibin.lab.compare._stability import is_steady
from multibin.lab.traces import Trace, arrivals, from_arrays, lengths

SECOND = mb.CostModel(step=1.0)
EDGES = mb.Edges([0, 5, 20])


def leftover(drain: bool) -> mb.Records:
    """Two requests of which nothing is predicted; the longer one climbs into a bin of its own."""
    trace = from_arrays([0, 0], [10, 3], arrivals=[0.0, 0.1], predicted=[0, 0])
    scheduler = mb.SchedulerConfig(EDGES, 2, fill="strict", overrun="climb")
    return mb.simulate(trace, scheduler=scheduler, costs=SECOND, drain=drain)


def test_a_climber_that_is_left_over_has_no_finish() -> None:
    records = leftover(drain=False)
    done = records.batches.steps[0]
    assert done < 10
    assert records.batches.rows.tolist() == [2]
    assert records.steps.tolist() == [done, 3]
    assert records.finish.tolist() == pytest.approx([np.nan, 0.1 + done], nan_ok=True)
    assert records.latency.tolist() == pytest.approx([np.nan, done], nan_ok=True)
    assert records.throughput == pytest.approx(1 / (0.1 + done))
    drained = leftover(drain=True)
    assert drained.steps.tolist() == [10, 3]
    assert np.isfinite(drained.finish).all()


def test_who_never_finishes_makes_the_backlog_grow() -> None:
    """Bins that fill slowly: the requests that they hold at the end are in the backlog."""
    n = 64
    trace = from_arrays(np.zeros(n, int), np.ones(n, int), arrivals=np.arange(n) * 10.0)
    few = mb.SchedulerConfig(mb.Edges([0, 20]), 2, fill="strict")
    many = mb.SchedulerConfig(mb.Edges([0, 20]), n + 1, fill="strict")
    assert is_steady(mb.simulate(trace, scheduler=few, costs=SECOND, drain=False))
    assert not is_steady(mb.simulate(trace, scheduler=many, costs=SECOND, drain=False))


@pytest.mark.parametrize("fill", ["strict", "elastic"])
@pytest.mark.parametrize("overrun", ["finish", "climb", "recompute"])
@pytest.mark.parametrize("drain", [True, False])
@pytest.mark.parametrize("adapt", [None, mb.Adapt(window=2_000)], ids=["fixed", "adaptive"])
def test_what_slots_compute_is_steps_and_waste(
    fill: Literal["strict", "elastic"],
    overrun: Literal["finish", "climb", "recompute"],
    drain: bool,
    adapt: mb.Adapt | None,
) -> None:
    output = lengths.exponential(3_000, 40, seed=0, high=500)
    trace = Trace(np.zeros(3_000, np.int64), output, arrivals.poisson(3_000, 20.0, seed=1))
    blind = trace.with_predicted(np.zeros(3_000, np.int64))
    scheduler = mb.SchedulerConfig(
        mb.Edges.quantile(output, 6), 8, fill=fill, overrun=overrun, max_parked=20, adapt=adapt
    )
    costs = mb.CostModel(fixed=0.01, step=1e-3)
    records = mb.simulate(blind, scheduler=scheduler, costs=costs, servers=3, drain=drain)
    slots = records.batches.rows.astype(np.int64) * records.batches.steps
    assert slots.sum() == records.steps.sum() + records.waste.sum()
    finished = np.isfinite(records.finish)
    again = records.steps[finished].astype(np.int64) - output[finished]
    assert (again >= 0).all()
    assert (again > 0).any() == (overrun == "recompute")
    assert finished.all() or not drain
    if overrun != "recompute":
        assert (records.steps[~finished] < output[~finished]).all()


def test_continuous_batching_computes_its_steps_and_the_rests_of_chunks() -> None:
    """The second row joins after a chunk of 4 steps, and waits one for the end of its own chunk."""
    trace = from_arrays([0, 0], [8, 3], arrivals=[0.0, 0.1])
    records = mb.simulate(trace, scheduler=mb.Baseline.continuous(2, chunk=4), costs=SECOND)
    assert records.steps.tolist() == [8, 3]
    assert records.waste.tolist() == [0, 1]
    # Four steps of one row and four of two.
    assert records.steps.sum() + records.waste.sum() == 4 * 1 + 4 * 2
    assert records.batches.rows.tolist() == [2]
    assert records.batches.steps.tolist() == [8]


@pytest.mark.parametrize("step", [1e3, 1.2e8, 1e30, 1e290])
@pytest.mark.parametrize(
    "scheduler",
    [
        mb.SchedulerConfig(mb.Edges([0, 1000]), 1),
        mb.SchedulerConfig(mb.Edges([0, 50, 1000]), 1, overrun="climb", adapt=mb.Adapt()),
        mb.Baseline.nearest(1),
        mb.Baseline.continuous(1),
    ],
    ids=["bins", "adaptive", "nearest", "continuous"],
)
def test_batches_of_a_run_of_centuries_follow_each_other(
    step: float, scheduler: mb.SchedulerConfig | mb.Baseline
) -> None:
    trace = from_arrays(np.ones(6, int), np.full(6, 100), arrivals=np.arange(6) * 1.0)
    records = mb.simulate(trace, scheduler=scheduler, costs=mb.CostModel(step=step))
    assert np.diff(records.finish) == pytest.approx(np.full(5, 100 * step))
    assert (records.latency > 99 * step).all()
    assert (records.batches.start[1:] >= records.batches.finish[:-1] * (1 - 1e-9)).all()


@pytest.mark.parametrize("scheduler", [mb.SchedulerConfig(EDGES, 2), mb.Baseline.continuous(2)])
def test_times_beyond_floats_are_named(scheduler: mb.SchedulerConfig | mb.Baseline) -> None:
    trace = from_arrays(np.ones(6, int), np.full(6, 100))
    with pytest.raises(ValueError, match="costs must be low enough"):
        mb.simulate(trace, scheduler=scheduler, costs=mb.CostModel(step=1e308))


@pytest.mark.parametrize("past", [0.0, 1e10])
def test_arrivals_are_rounded_to_the_nearest_nanosecond(past: float) -> None:
    """Also beyond 2⁶³ ns, where the clock's ticks are coarser."""
    times = np.sort(np.r_[np.arange(0.0, 40.0) / 2e9, 0.49999999999999994e-9, 1.25, 3.0])
    given = np.r_[0.0, past + times]
    trace = from_arrays(np.ones(44, int), np.ones(44, int), arrivals=given)
    arrival = mb.simulate(trace, scheduler=mb.Baseline.nearest(4), costs=SECOND).arrival
    nanoseconds = given * 1e9
    whole = np.trunc(nanoseconds)
    nearest = (whole + (nanoseconds - whole >= 0.5)) * 1e-9
    np.testing.assert_allclose(arrival, nearest, rtol=2.0**-40 if past else 0.0)


def test_without_adaptation_there_are_no_events() -> None:
    records = leftover(drain=True)
    assert records.events == ()
    assert records.adaptation is None
