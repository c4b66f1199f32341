"""The limits of a batch besides its rows: budgets, a size for each bin, little padding."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from tests.scheduler.taking import rest, take

import multibin as mb

EDGES = mb.Edges([0, 10, 20, 40])


def taken(scheduler: mb.Scheduler) -> list[list[int]]:
    scheduler.close()
    return [sorted(batch.keys.tolist()) for batch in rest(scheduler.worker())]


def test_rows_times_the_longest_stay_within_a_padded_budget() -> None:
    s = mb.Scheduler(EDGES, 8, budget=40)
    s.submit_many(np.arange(6, dtype=np.uint64), [5, 5, 8, 8, 8, 8])
    batch = take(s.worker())
    assert (batch.keys.tolist(), batch.reason) == ([0, 1, 2, 3, 4], "light_load")
    assert taken(s) == [[5]]


def test_a_bin_is_full_when_its_next_row_would_not_fit() -> None:
    s = mb.Scheduler(EDGES, 8, budget=40, fill="strict")
    worker = s.worker()
    s.submit_many(np.arange(3, dtype=np.uint64), [15, 15, 5])
    with pytest.raises(TimeoutError):
        worker.next_batch(0)
    s.submit(3, 15)
    batch = take(worker)
    assert (batch.keys.tolist(), batch.reason) == ([0, 1], "full")


def test_the_sum_of_costs_stays_within_a_budget() -> None:
    s = mb.Scheduler(EDGES, 8, budget=10, budget_of="cost")
    s.submit_many(np.arange(4, dtype=np.uint64), [5, 5, 5, 5], costs=[4, 4, 4, 1])
    s.submit(4, 7)
    batch = take(s.worker())
    assert (batch.keys.tolist(), batch.costs.tolist()) == ([0, 1], [4, 4])
    assert taken(s) == [[2, 3], [4]], "a length costs itself"


def test_topping_up_goes_on_with_the_next_bin_when_a_row_does_not_fit() -> None:
    s = mb.Scheduler(EDGES, 3, budget=45)
    s.submit_many(np.arange(5, dtype=np.uint64), [15, 15, 30, 5, 5])
    assert take(s.worker()).keys.tolist() == [0, 1, 3]


@pytest.mark.parametrize("lowered", [False, True])
def test_a_request_beyond_the_budget_is_refused_and_one_that_waits_leaves_alone(
    lowered: bool,
) -> None:
    s = mb.Scheduler(EDGES, 4, budget=100 if lowered else 25)
    if not lowered:
        with pytest.raises(ValueError, match="length must be at most budget = 25, got 30"):
            s.submit(0, 30)
        with pytest.raises(ValueError, match=r"lengths\[1\] must be at most budget = 25, got 30"):
            s.submit_many(np.array([0, 1, 2], np.uint64), [1, 30, 40])
        assert s.stats()["submitted"] == 0
        return
    s.submit_many(np.arange(3, dtype=np.uint64), [30, 5, 5])
    s.reconfigure(budget=25)
    assert taken(s) == [[0], [1, 2]]


@pytest.mark.parametrize(
    ("lengths", "costs", "message"),
    [
        ([40, 40, 40], [9, 11, 12], r"costs\[1\] must be at most budget = 10, got 11"),
        ([9, 10, 11], None, r"lengths\[2\] must be at most budget = 10, got 11"),
    ],
)
def test_the_cost_that_exceeds_the_budget_is_named(
    lengths: list[int], costs: list[int] | None, message: str
) -> None:
    s = mb.Scheduler(EDGES, 4, budget=10, budget_of="cost")
    with pytest.raises(ValueError, match=message):
        s.submit_many([1, 2, 3], lengths, costs=costs)
    assert s.stats()["submitted"] == 0


def test_a_padded_budget_lowers_the_limit_of_climbers() -> None:
    s = mb.Scheduler(mb.Edges([0, 100, 200]), 4, overrun="climb", budget=40)
    s.submit_many(np.arange(4, dtype=np.uint64), [0] * 4)
    worker = s.worker()
    with worker.next_batch(0) as batch:
        assert (len(batch.keys), batch.limit) == (4, 10)
        batch.resubmit(range(4), [10] * 4)
    batch = take(worker)
    assert len(batch.keys) * (10 + (batch.limit or 0)) <= 40


def test_every_bin_may_have_a_batch_size() -> None:
    s = mb.Scheduler(EDGES, [4, 2, 1], fill="strict")
    worker = s.worker()
    s.submit_many(np.arange(6, dtype=np.uint64), [15, 30, 5, 5, 5, 15])
    assert [take(worker).keys.tolist() for _ in range(2)] == [[1], [0, 5]]
    s.submit(6, 5)
    assert take(worker).keys.tolist() == [2, 3, 4, 6]


def test_a_mixed_batch_obeys_the_smallest_of_its_bins() -> None:
    s = mb.Scheduler(EDGES, [4, 2, 1])
    s.submit_many(np.arange(5, dtype=np.uint64), [5, 15, 15, 30, 5])
    assert taken(s) == [[1, 2], [3], [0, 4]]
    s = mb.Scheduler(EDGES, [4, 3, 1])
    s.submit_many(np.arange(4, dtype=np.uint64), [5, 5, 15, 5])
    s.close()
    assert take(s.worker()).keys.tolist() == [0, 1, 3], "three are enough for the second bin"


def test_rows_of_other_bins_join_while_there_is_little_padding() -> None:
    s = mb.Scheduler(EDGES, 4, max_padding=0.2)
    s.submit_many(np.arange(7, dtype=np.uint64), [18, 18, 9, 9, 39, 39, 39])
    batch = take(s.worker())
    assert batch.keys.tolist() == [0, 1, 2]
    assert 1 - batch.lengths.sum() / (len(batch.lengths) * batch.lengths.max()) <= 0.2


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"budget": 0}, "budget must be at least 1, got 0"),
        ({"budget": -1}, "budget must be at least 1, got -1"),
        (
            {"budget": 5, "budget_of": "rows"},
            "budget_of must be one of 'padded', 'cost', got 'rows'",
        ),
        ({"max_padding": 1.5}, "max_padding must be between 0 and 1, got 1.5"),
        ({"max_padding": float("nan")}, "max_padding must be between 0 and 1, got"),
        ({"batch_size": [4, 2]}, "batch_size must have one size for each of 3 bins, got 2"),
        ({"batch_size": [4, 0, 2]}, "batch_size must be at least 1, got 0"),
        (
            {"batch_size": [4, 9, 2], "capacity": 8},
            "batch_size must be at most capacity = 8, got 9",
        ),
    ],
)
def test_bad_limits_are_named(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        mb.Scheduler(EDGES, **({"batch_size": 4} | options))


def test_bad_changes_of_limits_are_named() -> None:
    s = mb.Scheduler(EDGES, 4)
    with pytest.raises(
        ValueError, match="budget must be left out for a scheduler made without one, got 9"
    ):
        s.reconfigure(budget=9)
    with pytest.raises(ValueError, match="batch_size must have one size for each of 3 bins, got 2"):
        s.reconfigure(batch_size=[1, 2])
    with pytest.raises(ValueError, match="cost must be between 0 and 4294967295, got -1"):
        s.submit(1, 1, cost=-1)
    with pytest.raises(ValueError, match="costs must have one value for each of 1 keys, got 2"):
        s.submit_many(np.array([1], np.uint64), [1], costs=[1, 2])
