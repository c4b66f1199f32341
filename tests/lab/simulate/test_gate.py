"""The gate of a simulation is ``mb.Gate``, fed with what finishes in the order of finishing."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

import multibin as mb
from multibin.lab.traces import Trace, arrivals, from_arrays, lengths, predictions

B, RATE = 20, 3.0
COSTS = mb.CostModel(fixed=0.05, step=0.02)


def turning(n: int, noise: slice | NDArray[np.bool_]) -> Trace:
    """Returns requests with true lengths as predictions, except in ``noise``.

    More than a batch waits once two have left.
    """
    actual = lengths.log_normal(n, 128, 1.0, seed=0, high=1000)
    predicted = actual.copy()
    predicted[noise] = predictions.shuffled(actual[noise], seed=2)
    times = np.maximum(arrivals.poisson(n, RATE, seed=1) - 300, 10.0)
    times[:B] = 0
    return from_arrays(np.ones(n, np.int64), actual, arrivals=times, predicted=predicted)


def closed_at(trace: Trace, records: mb.Records, edges: mb.Edges) -> NDArray[np.bool_]:
    """Whether the gate is closed when each request arrives: what finished before is known."""
    order = np.argsort(records.finish, kind="stable")
    gate, is_open = mb.Gate(edges, B), [True]
    for request in order:
        gate.observe(trace.predictions[request], trace.output_tokens[request])
        is_open.append(gate.is_open)
    known = np.searchsorted(records.finish[order], records.arrival, side="left")
    return ~np.array(is_open, np.bool_)[known]


def test_feeding_a_gate_with_the_records_says_which_arrivals_found_it_closed() -> None:
    trace = turning(16_000, slice(4000, 7000))
    edges = mb.Edges.optimal(trace.output_tokens, 16, B)
    scheduler = mb.SchedulerConfig(edges, B)
    gated = mb.simulate(trace, scheduler=scheduler, costs=COSTS, gate=True)
    # The first request leaves alone. From then on every look, after each 100 pairs, falls between
    # two batches, and the order within one does not matter.
    rows = gated.batches.rows[gated.batches.start < gated.arrival[-1]]
    assert rows[:2].tolist() == [1, B - 1]
    assert (rows[2:] == B).all()
    assert mb.Gate.EVERY % B == 0
    closed = closed_at(trace, gated, edges)
    assert np.flatnonzero(np.diff(closed)).size == 2, "it closes and opens once"
    assert closed.sum() > 1000
    turns = {event.kind: event for event in gated.events}
    assert [event.kind for event in gated.events] == ["closed", "opened"]
    after, until = turns["closed"].time, turns["opened"].time
    assert np.array_equal(closed, (gated.arrival > after) & (gated.arrival <= until))
    assert turns["closed"].gain < turns["opened"].gain
    assert gated.adaptation is not None
    assert gated.adaptation["gate"]["open"]
    assert gated.adaptation["gate"]["closed"] == gated.adaptation["gate"]["opened"] == 1
    # A request that arrives while it is closed joins the first bin, as if 0 had been predicted.
    told = trace.with_predicted(np.where(closed, 0, trace.predictions))
    same = mb.simulate(told, scheduler=scheduler, costs=COSTS)
    for column in ("start", "finish", "bin", "batch"):
        assert np.array_equal(getattr(gated, column), getattr(same, column)), column
    assert np.array_equal(gated.batches.bin, same.batches.bin)
    without = mb.simulate(trace, scheduler=scheduler, costs=COSTS)
    assert not np.array_equal(gated.finish, without.finish)


def test_no_turn_is_forgotten_however_often_the_gate_turns() -> None:
    n, spell = 160_000, 2_000
    noise = np.arange(n) // spell % 2 == 1
    trace = turning(n, noise)
    scheduler = mb.SchedulerConfig(mb.Edges.optimal(trace.output_tokens, 16, B), B)
    records = mb.simulate(trace, scheduler=scheduler, costs=COSTS, gate=True)
    assert len(records.events) > 64
    kinds = [event.kind for event in records.events]
    assert set(kinds[::2]) == {"closed"}
    assert set(kinds[1::2]) == {"opened"}
    times = [event.time for event in records.events]
    assert times == sorted(times)
    assert np.isin(np.round(times, 6), np.round(records.batches.finish, 6)).all()
