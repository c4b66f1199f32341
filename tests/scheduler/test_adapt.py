"""Adaptation to finished requests: edges that follow them, and the live gate."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import multibin as mb
from multibin.lab.traces import lengths

Ints = NDArray[np.int64]
BATCH = 8


def draw(n: int, seed: int, mean: float = 100) -> Ints:
    return lengths.exponential(n, mean, seed, high=4000)


def until(said: Callable[[], bool]) -> None:
    end = time.monotonic() + 60
    while not said():
        assert time.monotonic() < end
        time.sleep(0.001)


def count(s: mb.Scheduler, part: str, name: str) -> Any:
    stats: Any = s.stats()
    return stats[part][name]


def bins(s: mb.Scheduler) -> list[int]:
    """Returns the bins of lengths 0, 20, 40, … with four batches each."""
    keys = np.arange(40 * 4 * BATCH, dtype=np.uint64)
    s.submit_many(keys, keys // (4 * BATCH) * 20)
    found = set()
    worker = s.worker()
    while s.stats()["waiting"]:
        with worker.next_batch(0) as batch:
            found.add(batch.bin)
    return sorted(found)


def cost(edges: mb.Edges, sample: Ints) -> float:
    """Returns the mean over requests of E[longest of a batch | bin]."""
    bin_of = np.searchsorted(edges.bounds[1:-1], sample, side="right")
    total = 0.0
    for bin in np.unique(bin_of):
        own = np.sort(sample[bin_of == bin])
        total += len(own) * float(own @ np.diff((np.arange(len(own) + 1) / len(own)) ** BATCH))
    return total / len(sample)


def is_cheap(s: mb.Scheduler, sample: Ints, max_cost: float) -> bool:
    return cost(s.edges, sample) < max_cost


def test_edges_are_found_from_one_bin_and_follow_a_drift() -> None:
    s = mb.Scheduler(mb.Edges([0, 1]), BATCH, adapt=mb.Adapt(bins=8, gate=False))
    for mean, seed in [(100, 0), (1000, 1)]:
        fresh = draw(50_000, seed + 2, mean)
        best = cost(mb.Edges.optimal(fresh, 8, BATCH), fresh)
        assert cost(s.edges, fresh) > 1.05 * best
        for part in np.split(draw(10_000, seed, mean), 20):
            s.observe(part, part)
            time.sleep(0.02)  # As long as a fit: requests do not finish faster.
        until(partial(is_cheap, s, fresh, 1.03 * best))
    assert count(s, "edges", "drifts") == 1


@pytest.mark.thread_unsafe(reason="all threads share the log")
def test_the_gate_turns_is_counted_and_logged(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "multibin")
    edges = mb.Edges.optimal(draw(10_000, 9), 8, BATCH)
    s = mb.Scheduler(edges, BATCH, adapt=mb.Adapt(edges=False))
    assert bins(s) == list(range(8))
    s.observe(draw(1000, 1), draw(1000, 2))
    assert bins(s) == [0]
    gate: Any = s.stats()["gate"]
    gain = gate.pop("gain")
    assert isinstance(gain, float)
    assert gain < mb.Gate.CLOSES_AT
    assert gate == {"open": False, "closed": 1, "opened": 0}
    true = draw(2000, 3)
    for length in true.tolist():
        s.observe(length, float(length))
    assert bins(s) == list(range(8))
    assert s.edges == edges
    assert (count(s, "gate", "open"), count(s, "gate", "opened")) == (True, 1)
    records = [(r.name, r.levelname, r.getMessage().split(":")[0]) for r in caplog.records]
    assert records == [("multibin", "INFO", "gate closed"), ("multibin", "INFO", "gate opened")]
    assert f"bins gain {gain:.3f} x" in caplog.records[0].getMessage()


@pytest.mark.thread_unsafe(reason="all threads share the log")
def test_a_swap_is_logged_once_and_by_the_next_call_at_the_latest(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO, "multibin")
    s = mb.Scheduler(mb.Edges([0, 1]), BATCH, adapt=mb.Adapt(bins=8, gate=False))
    sample = draw(2000, 0)
    s.observe(sample, sample)
    until(lambda: count(s, "edges", "swaps") == 1)
    # The fit runs beside the call that starts it. If it ends first, that call logs the swap.
    s.observe([], [])
    assert [r.getMessage().split(" bins")[0] for r in caplog.records] == ["edges swapped: 8"]


def test_the_gate_of_a_scheduler_is_that_of_gate() -> None:
    edges = mb.Edges.optimal(draw(10_000, 9), 8, BATCH)
    s, gate = mb.Scheduler(edges, BATCH, adapt=mb.Adapt(edges=False)), mb.Gate(edges, BATCH)
    for seed in range(4):
        actual = draw(700, seed)
        predicted = actual if seed % 2 else draw(700, seed + 10)
        s.observe(predicted, actual)
        gate.observe(predicted, actual)
        assert (count(s, "gate", "open"), count(s, "gate", "gain")) == (gate.is_open, gate.gain)


def test_unpredicted_climbers_get_levels() -> None:
    adapt = mb.Adapt(bins=8, overhead=4)
    s = mb.Scheduler(mb.Edges([0, 1]), BATCH, overrun="climb", adapt=adapt)
    actual = draw(2000, 0)
    s.observe(np.zeros_like(actual), actual)
    until(lambda: count(s, "edges", "swaps") == 1)
    assert s.edges == mb.Edges.feedback(actual[::2], 8, 4)


def test_given_edges_are_in_use_at_once_and_open_the_gate() -> None:
    s = mb.Scheduler(mb.Edges([0, 100, 200]), BATCH, adapt=mb.Adapt(edges=False))
    s.observe(np.full(1000, 50), np.full(1000, 50))
    assert not count(s, "gate", "open")
    s.reconfigure(batch_size=4)
    assert not count(s, "gate", "open")
    s.reconfigure(edges=mb.Edges([0, 50, 200]))
    assert bins(s) == [0, 1]
    assert (count(s, "gate", "open"), count(s, "gate", "gain")) == (True, None)


def test_changed_sizes_count_as_those_of_the_start_do() -> None:
    sizes = [2] * 7 + [4]
    edges = mb.Edges.optimal(draw(10_000, 9), 8, BATCH)
    sample, adapt = draw(1000, 1), mb.Adapt(edges=False)
    started, changed = (mb.Scheduler(edges, size, adapt=adapt) for size in (sizes, BATCH))
    changed.reconfigure(batch_size=sizes)
    gate = mb.Gate(edges, max(sizes))
    for judge in (started, changed, gate):
        judge.observe(sample, sample)
    assert gate.gain == count(started, "gate", "gain") == count(changed, "gate", "gain")


def test_without_adapt_nothing_is_observed() -> None:
    s = mb.Scheduler(mb.Edges([0, 100]), BATCH)
    s.observe(np.full(5000, 50), np.full(5000, 50))
    assert s.stats()["gate"] == {"open": True, "gain": None, "closed": 0, "opened": 0}
    assert s.stats()["edges"] == {"fits": 0, "swaps": 0, "drifts": 0}


def test_options_are_values() -> None:
    usual = mb.Adapt()
    assert usual == mb.Adapt(every=5000, window=20_000, hysteresis=0.02, overhead=2)
    assert usual != mb.Adapt(bins=3)
    assert eval(repr(mb.Adapt(bins=3, gate=False)), {"Adapt": mb.Adapt}) == mb.Adapt(
        bins=3, gate=False
    )


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"every": 0}, ValueError, "every must be at least 1, got 0"),
        ({"every": -1}, ValueError, "every must be at least 1, got -1"),
        ({"every": 0.5}, TypeError, "every must be an int, got 0.5"),
        ({"window": 1999}, ValueError, r"window must be between 2000 and \d+, got 1999"),
        ({"window": 2**40}, ValueError, r"window must be between 2000 and \d+, got 1099511627776"),
        ({"bins": 0}, ValueError, "bins must be between 1 and 4096, got 0"),
        ({"bins": 5000}, ValueError, "bins must be between 1 and 4096, got 5000"),
        ({"hysteresis": -0.1}, ValueError, "hysteresis must be finite and at least 0, got -0.1"),
        ({"hysteresis": float("nan")}, ValueError, "hysteresis must be finite and at least 0, got"),
        ({"overhead": float("inf")}, ValueError, "overhead must be finite and at least 0, got inf"),
        ({"overhead": "2"}, TypeError, "overhead must be a number, got '2'"),
        ({"gate": False, "edges": False}, ValueError, "edges or gate must be on, got neither"),
    ],
)
def test_bad_options_are_named(
    options: dict[str, Any], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        mb.Adapt(**options)


def test_more_bins_than_queues_are_refused() -> None:
    with pytest.raises(ValueError, match=r"adapt\.bins must be at most max_bins = 8, got 9"):
        mb.Scheduler(mb.Edges([0, 1]), BATCH, max_bins=8, adapt=mb.Adapt(bins=9))


@pytest.mark.parametrize(
    ("predicted", "actual", "error", "message"),
    [
        (-1, 5, ValueError, "predicted must be between 0 and 4294967295, got -1"),
        (
            [5, 5],
            [5, float("inf")],
            ValueError,
            r"actual\[1\] must be between 0 and 4294967295, got inf",
        ),
        (
            [1, 2, 3],
            [1, 2],
            ValueError,
            "actual must have one value for each of 3 predictions, got 2",
        ),
        (5, None, TypeError, "actual must be a number, got None"),
    ],
)
def test_bad_pairs_are_named_and_nothing_of_them_counts(
    predicted: Any, actual: Any, error: type[Exception], message: str
) -> None:
    s = mb.Scheduler(mb.Edges([0, 10]), BATCH, adapt=mb.Adapt(bins=8))
    s.observe(np.full(999, 5), np.full(999, 5))
    with pytest.raises(error, match=message):
        s.observe(predicted, actual)
    assert count(s, "gate", "gain") is None
    s.observe(5, 5)
    assert count(s, "gate", "gain") == 1.0
