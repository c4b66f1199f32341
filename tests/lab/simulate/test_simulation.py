"""The simulation from Python: the paper's numbers, the books balance, bad input is named.

That its batches are the live scheduler's is checked in Rust, batch by batch.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import multibin as mb
from multibin.lab.theory import uniform_latency, uniform_throughput
from multibin.lab.traces import Trace, arrivals, from_arrays, lengths, predictions

STEP = mb.CostModel(step=1e-3)
"""A step is a millisecond: lengths of thousands stand for the paper's real numbers."""


def uniform(n: int, rate: float | None, seed: int = 0) -> Trace:
    """l ~ U[1, 20] seconds; all there at the start without a rate."""
    output = np.random.default_rng(seed).integers(1000, 20_001, n)
    times = np.zeros(n) if rate is None else arrivals.poisson(n, rate, seed=seed + 1)
    return from_arrays(np.ones(n, np.int64), output, arrivals=times)


def strict(bins: int, batch_size: int = 128) -> mb.SchedulerConfig:
    return mb.SchedulerConfig(mb.Edges.uniform(1000, 20_000, bins), batch_size, fill="strict")


@pytest.mark.parametrize("bins", [1, 2, 3, 4, 5])
def test_throughput_is_theorem_4_2(bins: int) -> None:
    records = mb.simulate(uniform(400_000, None), scheduler=strict(bins), costs=STEP)
    expected = float(uniform_throughput(bins, 128, 1.0, 20.0))
    assert records.throughput == pytest.approx(expected, rel=5e-3)


@pytest.mark.parametrize("bins", [1, 2, 3])
def test_latency_with_many_servers_is_lemma_5_1(bins: int) -> None:
    trace = uniform(300_000, 4.0)
    records = mb.simulate(trace, scheduler=strict(bins), costs=STEP, servers=200)
    expected = float(uniform_latency(bins, 128, 1.0, 20.0, 4.0))
    assert records.latency[10_000:-10_000].mean() == pytest.approx(expected, rel=0.01)


def test_the_books_balance() -> None:
    trace = uniform(20_000, 8.0)
    blind = Trace(
        trace.prompt_tokens, trace.output_tokens, trace.arrivals, np.zeros(len(trace), np.int64)
    )
    edges = mb.Edges.feedback(trace.output_tokens, 8, 2.0)
    scheduler = mb.SchedulerConfig(edges, 16, overrun="climb")
    costs = mb.CostModel(fixed=0.01, step=1e-3, row_step=1e-6, completes="row")
    records = mb.simulate(blind, scheduler=scheduler, costs=costs, servers=3)
    batches = records.batches
    slots = (batches.rows.astype(np.int64) * batches.steps).sum()
    assert slots == trace.output_tokens.sum() + records.waste.sum()
    assert records.entries.sum() == batches.rows.sum()
    assert records.entries.max() > 1
    assert (records.arrival <= records.start).all()
    assert (records.start < records.first_token).all()
    assert (records.first_token <= records.finish).all()
    assert (np.diff(batches.start) >= 0).all()
    assert set(np.unique(batches.server)) == {0, 1, 2}


def test_elastic_serves_a_lone_request_at_once_and_strict_lets_it_wait() -> None:
    trace = from_arrays([1, 1], [5, 5], arrivals=[0.0, 100.0])
    costs = mb.CostModel(fixed=0.5, step=0.1)
    edges = mb.Edges([0, 10])
    elastic = mb.simulate(trace, scheduler=mb.SchedulerConfig(edges, 2), costs=costs)
    assert elastic.latency.tolist() == pytest.approx([1.0, 1.0])
    patient = mb.SchedulerConfig(edges, 2, fill="strict")
    assert mb.simulate(trace, scheduler=patient, costs=costs).start.tolist() == [100.0, 100.0]
    waiting = mb.SchedulerConfig(edges, 2, fill="strict", max_wait=7.0)
    records = mb.simulate(trace, scheduler=waiting, costs=costs, drain=False)
    assert records.start.tolist() == pytest.approx([7.0, 107.0])


def test_without_draining_nan_says_what_was_left() -> None:
    trace = from_arrays([1] * 5, [5] * 5)
    costs = mb.CostModel(step=1.0)
    scheduler = mb.SchedulerConfig(mb.Edges([0, 10]), 4, fill="strict")
    records = mb.simulate(trace, scheduler=scheduler, costs=costs, drain=False)
    assert np.isnan(records.finish).tolist() == [False] * 4 + [True]
    assert records.throughput == pytest.approx(4 / 5)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"servers": 0}, "servers must be between 1 and 1048576, got 0"),
        ({"servers": -1}, "servers must be at least 1, got -1"),
        ({"servers": 10**10}, "servers must be between 1 and 1048576, got 10000000000"),
        (
            {"costs": mb.CostModel(step=float("nan"))},
            "costs.step must be finite and at least 0, got NaN",
        ),
        ({"costs": mb.CostModel(fixed=-1)}, "costs.fixed must be finite and at least 0, got -1"),
        (
            {"costs": mb.CostModel(completes="soon")},  # type: ignore[arg-type]
            "completes must be one of 'batch', 'row', got 'soon'",
        ),
    ],
)
def test_bad_input_is_named(changes: dict[str, Any], message: str) -> None:
    arguments: dict[str, Any] = {"scheduler": strict(2), "costs": STEP} | changes
    with pytest.raises(ValueError, match=message):
        mb.simulate(uniform(10, None), **arguments)


BASELINES = [
    mb.Baseline.sorted_window(64),
    mb.Baseline.sorted_window(64, [(2**31, 16)]),
    mb.Baseline.shortest_first(16),
    mb.Baseline.look_ahead(16, 64),
    mb.Baseline.nearest(16),
    mb.Baseline.heaviest_bin(mb.Edges.uniform(1000, 20_000, 8), 16),
    mb.Baseline.heaviest_bin(
        mb.Edges.uniform(1000, 20_000, 8), 16, weight="wait", light_load=False
    ),
    mb.Baseline.continuous(16),
    mb.Baseline.continuous(16, chunk=8, order="longest"),
]


@pytest.mark.parametrize("baseline", BASELINES, ids=repr)
def test_every_baseline_serves_every_request(baseline: mb.Baseline) -> None:
    trace = uniform(3000, 1.0)
    records = mb.simulate(trace, scheduler=baseline, costs=STEP, servers=2)
    assert np.isfinite(records.finish).all()
    assert (records.latency >= trace.output_tokens * 1e-3 - 1e-6).all()


def test_lengths_near_each_other_pack_better_than_a_fifo() -> None:
    trace = uniform(20_000, None)
    fifo = mb.SchedulerConfig(mb.Edges([0, 1]), 16)
    rates = [
        mb.simulate(trace, scheduler=policy, costs=STEP).throughput
        for policy in (fifo, mb.Baseline.look_ahead(16, 64), mb.Baseline.nearest(16))
    ]
    assert rates[0] * 1.3 < rates[1] < rates[2]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: mb.Baseline.sorted_window(0), "window"),
        (lambda: mb.Baseline.sorted_window(4, []), "sizes"),
        (lambda: mb.Baseline.nearest(0), "batch_size must be at least 1, got 0"),
        (lambda: mb.Baseline.nearest(-1), "batch_size must be at least 1, got -1"),
        (
            lambda: mb.Baseline.continuous(4, order="x"),  # type: ignore[arg-type]
            "order must be one of 'fifo', 'longest', 'shortest', got 'x'",
        ),
        (lambda: mb.Baseline.continuous(4, chunk=0), "chunk"),
        (
            lambda: mb.Baseline.continuous(4, chunk=2**40),
            "chunk must be at most 4294967295, got 1099511627776",
        ),
        (lambda: mb.Baseline.shortest_first(4, -1), "patience must be at least 0, got -1"),
    ],
)
def test_bad_baselines_are_named(make: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        mb.simulate(uniform(10, None), scheduler=make(), costs=STEP)


def chat_like(n: int, rate: float) -> Trace:
    output = lengths.log_normal(n, 128, 1.0, seed=0, high=1000)
    return from_arrays(np.ones(n, np.int64), output, arrivals=arrivals.poisson(n, rate, seed=1))


def p99_ratio_to_fifo(trace: Trace, *, gate: bool) -> float:
    """Of 16 elastic bins; batch time 0.05 + 0.02 x longest, B = 8."""
    costs = mb.CostModel(fixed=0.05, step=0.02)
    edges = mb.Edges.optimal(trace.output_tokens[:20_000], 16, 8)
    fifo = mb.simulate(trace, scheduler=mb.SchedulerConfig(mb.Edges([0, 1]), 8), costs=costs)
    bins = mb.simulate(trace, scheduler=mb.SchedulerConfig(edges, 8), costs=costs, gate=gate)
    p99 = [np.quantile(records.latency[len(trace) // 10 :], 0.99) for records in (bins, fifo)]
    return float(p99[0] / p99[1])


def test_the_gate_turns_useless_bins_into_a_fifo_and_leaves_useful_ones_alone() -> None:
    trace = chat_like(60_000, 0.62)
    noise = trace.with_predicted(predictions.shuffled(trace.output_tokens, seed=2))
    assert p99_ratio_to_fifo(noise, gate=False) > 1.1
    assert p99_ratio_to_fifo(noise, gate=True) < 1.02
    assert p99_ratio_to_fifo(trace, gate=True) == p99_ratio_to_fifo(trace, gate=False) < 0.9


LOOP = arrivals.closed_loop(3_000, users=9, pause=0.5, seed=3)


@pytest.mark.parametrize("former", ["elastic", "climb", "continuous"])
def test_in_a_closed_loop_a_user_has_one_request_at_a_time(former: str) -> None:
    trace = uniform(3_000, None)
    edges = mb.Edges.optimal(trace.output_tokens, 4, 4)
    made: dict[str, mb.SchedulerConfig | mb.Baseline] = {
        "elastic": mb.SchedulerConfig(edges, 4),
        "climb": mb.SchedulerConfig(edges, 4, overrun="climb"),
        "continuous": mb.Baseline.continuous(4),
    }
    records = mb.simulate(trace, scheduler=made[former], costs=STEP, closed_loop=LOOP)
    events = np.concatenate([records.arrival, records.finish])
    order = np.argsort(events, kind="stable")
    unanswered = np.cumsum(np.where(order < len(records), 1, -1))
    assert unanswered.max() == LOOP.users
    assert (np.diff(records.arrival) >= 0).all()
    assert np.isfinite(records.finish).all()
    # Little's law, with the users' pauses: users = rate × (latency + pause).
    cycle = records.latency.mean() + LOOP.pauses.mean()
    assert records.throughput * cycle == pytest.approx(LOOP.users, rel=0.02)


def test_strict_bins_can_stop_a_closed_loop() -> None:
    trace = uniform(3_000, None)
    records = mb.simulate(trace, scheduler=strict(4, 8), costs=STEP, closed_loop=LOOP)
    assert np.isnan(records.arrival).sum() > 2_000


def test_a_server_holds_no_more_rows_than_it_may() -> None:
    trace = uniform(5_000, 8.0)
    blind = trace.with_predicted(np.zeros(len(trace), np.int64))
    edges = mb.Edges.feedback(trace.output_tokens, 8, 2.0)

    def play(max_resident: int | None) -> mb.Records:
        scheduler = mb.SchedulerConfig(edges, 16, overrun="climb")
        return mb.simulate(blind, scheduler=scheduler, costs=STEP, max_resident=max_resident)

    assert play(None).batches.resident.max() > 100
    assert [play(most).batches.resident.max() for most in (16, 20, 64)] == [16, 20, 64]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"trace": 3}, "trace must be a Trace, got 3"),
        (
            {"scheduler": 3},
            "scheduler must be a SchedulerConfig or a Baseline, got 3",
        ),
        ({"costs": 3}, "costs must be a CostModel or a CostTable, got 3"),
        ({"costs": mb.CostModel(step="1")}, r"costs\.step must be a number, got '1'"),  # type: ignore[arg-type]
        ({"gate": 1}, "gate must be a bool, got 1"),
        ({"drain": None}, "drain must be a bool, got None"),
        ({"closed_loop": 3}, "closed_loop must be a ClosedLoop, got 3"),
    ],
)
def test_a_wrong_type_is_named_with_its_value(changes: dict[str, Any], message: str) -> None:
    arguments: dict[str, Any] = {
        "trace": uniform(10, None),
        "scheduler": strict(2),
        "costs": STEP,
    } | changes
    with pytest.raises(TypeError, match=message):
        mb.simulate(**arguments)


def test_bad_loops_and_limits_are_named() -> None:
    trace = uniform(10, None)
    arguments: dict[str, Any] = {"scheduler": strict(2, 4), "costs": STEP}
    with pytest.raises(
        ValueError, match=r"closed_loop\.pauses must be one for each of 10 requests, got 3000"
    ):
        mb.simulate(trace, closed_loop=LOOP, **arguments)
    with pytest.raises(ValueError, match="max_resident must be at least the 4 rows"):
        mb.simulate(trace, max_resident=3, **arguments)
    with pytest.raises(ValueError, match="users must be at least 1, got 0"):
        arrivals.closed_loop(10, users=0, pause=1.0, seed=0)
    with pytest.raises(ValueError, match="pause must be at least 0, got -1"):
        arrivals.closed_loop(10, users=1, pause=-1.0, seed=0)
    with pytest.raises(ValueError, match=r"pauses\[1\] must be at least 0, got -2"):
        arrivals.ClosedLoop(1, np.array([0.0, -2.0]))


def test_a_live_scheduler_stands_for_its_config() -> None:
    live = mb.Scheduler(mb.Edges([0, 8, 16]), 4, fill="strict")
    trace = uniform(2000, None)
    records = [mb.simulate(trace, scheduler=each, costs=STEP) for each in (live, live.config)]  # type: ignore[arg-type]
    np.testing.assert_array_equal(records[0].finish, records[1].finish)
