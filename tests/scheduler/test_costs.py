"""Batches cut by measured costs: which requests leave together, and the argument ``costs``."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import numpy as np
import pytest

import multibin as mb

EDGES = mb.Edges([0, 10, 20, 100])


def by_padding(fixed: float, batch_size: int = 8) -> mb.CostTable:
    """A batch takes ``fixed`` seconds and one for each of rows x longest."""
    rows, lengths = np.array([1, batch_size]), np.array([0, 100])
    return mb.CostTable.of_batches(rows, lengths, fixed + rows[:, None] * lengths[None, :])


def keys(scheduler: mb.Scheduler) -> list[tuple[list[int], str]]:
    """Takes everything: the keys of each batch, and its reason."""
    taken, worker = [], scheduler.worker()
    while scheduler.stats()["waiting"]:
        with worker.next_batch(0) as batch:
            taken.append((batch.keys.tolist(), batch.reason))
    return taken


def test_the_oldest_leaves_with_what_saves_time() -> None:
    scheduler = mb.Scheduler(EDGES, 8, costs=by_padding(fixed=5))
    for length in (12, 1, 11, 30, 2, 13):
        scheduler.submit(length, length)
    assert keys(scheduler) == [
        ([11, 12, 13], "elastic"),
        ([1, 2], "elastic"),
        ([30], "elastic"),
    ]


def test_batches_have_one_row_where_batching_does_not_pay() -> None:
    scheduler = mb.Scheduler(EDGES, 8, costs=by_padding(fixed=0))
    for key, length in enumerate((9, 10, 1, 20)):
        scheduler.submit(key, length)
    assert keys(scheduler) == [([key], "elastic") for key in range(4)]


def test_one_batch_takes_all_where_batches_cost_much() -> None:
    scheduler = mb.Scheduler(EDGES, 8, costs=by_padding(fixed=1_000))
    for key, length in enumerate((9, 10, 1, 90)):
        scheduler.submit(key, length)
    assert keys(scheduler) == [([2, 0, 1, 3], "elastic")]


def test_a_full_bin_leaves_by_itself_once_its_head_is_the_oldest() -> None:
    scheduler = mb.Scheduler(EDGES, [2, 2, 2], costs=by_padding(fixed=1_000))
    for key, length in enumerate((30, 5, 15, 6)):
        scheduler.submit(key, length)
    assert keys(scheduler) == [([2, 0], "elastic"), ([1, 3], "full")]


def test_the_oldest_always_leaves() -> None:
    """Without ranks each batch has the oldest waiting request, or one that is overdue."""
    scheduler = mb.Scheduler(mb.Edges.uniform(0, 100, 8), 4, costs=by_padding(fixed=30))
    rng = np.random.default_rng(0)
    waiting: dict[int, int] = {}
    worker = scheduler.worker()
    for _ in range(2_000):
        for _ in range(int(rng.integers(0, 7))):
            length = int(rng.integers(1, 100))
            waiting[scheduler.submit(0, length)] = length
        if not waiting:
            continue
        with worker.next_batch(0) as batch:
            tickets = batch.tickets.tolist()
        assert min(waiting) in tickets or batch.reason == "overdue"
        for ticket in tickets:
            del waiting[ticket]


def test_a_request_that_waited_too_long_leads() -> None:
    scheduler = mb.Scheduler(EDGES, 8, max_wait=0.0, costs=by_padding(fixed=5))
    scheduler.submit(1, 30)
    scheduler.submit(2, 31)
    with scheduler.worker().next_batch(0) as batch:
        assert (batch.keys.tolist(), batch.reason) == ([1, 2], "overdue")


def test_a_budget_and_a_size_bound_the_batch() -> None:
    costs = by_padding(fixed=1_000)
    scheduler = mb.Scheduler(EDGES, [3, 8, 2], costs=costs, budget=40)
    for key, length in enumerate((20, 20, 20, 4, 4, 4)):
        scheduler.submit(key, length)
    assert keys(scheduler) == [([0, 1], "full"), ([2], "elastic"), ([3, 4, 5], "full")]


def test_deadlines_and_priorities_choose_the_leader() -> None:
    costs = by_padding(fixed=0)
    scheduler = mb.Scheduler(EDGES, 8, order="deadline", costs=costs)
    scheduler.submit(1, 5)
    scheduler.submit(2, 15, ttl=1_000)
    assert keys(scheduler) == [([2], "elastic"), ([1], "elastic")]
    scheduler = mb.Scheduler(EDGES, 8, ageing=1_000.0, costs=costs)
    scheduler.submit(1, 5, priority=1)
    scheduler.submit(2, 15)
    assert keys(scheduler) == [([2], "elastic"), ([1], "elastic")]


def test_a_closed_scheduler_drains() -> None:
    scheduler = mb.Scheduler(EDGES, 8, costs=by_padding(fixed=5))
    scheduler.submit(1, 5)
    scheduler.close()
    assert keys(scheduler) == [([1], "drain")]


def test_costs_come_and_go() -> None:
    scheduler = mb.Scheduler(EDGES, 8)
    assert scheduler.config.costs is None
    scheduler.reconfigure(costs=by_padding(fixed=0))
    for key in range(3):
        scheduler.submit(key, 10)
    with scheduler.worker().next_batch(0) as batch:
        assert batch.keys.tolist() == [0]
    scheduler.reconfigure(batch_size=4)
    assert scheduler.config.costs is not None
    scheduler.reconfigure(costs=None)
    assert scheduler.config == mb.SchedulerConfig(EDGES, 4)
    assert keys(scheduler) == [([1, 2], "light_load")]


def test_a_configuration_with_costs_is_a_value() -> None:
    config = mb.SchedulerConfig(EDGES, 8, costs=by_padding(fixed=5))
    assert config == mb.SchedulerConfig(EDGES, 8, costs=by_padding(fixed=5))
    assert config != mb.SchedulerConfig(EDGES, 8, costs=by_padding(fixed=6))
    assert config != mb.SchedulerConfig(EDGES, 8)
    assert pickle.loads(pickle.dumps(config)) == copy.deepcopy(config) == config
    assert mb.Scheduler.from_config(config).config == config
    assert "costs=<CostTable of 2 rows x 2 lengths>" in repr(config)
    costs = config.costs
    assert costs is not None
    assert costs.prefill.tolist() == by_padding(fixed=5).prefill.tolist()


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"fill": "strict"}, "costs must be left out where fill is 'strict', got a table"),
        ({"overrun": "climb"}, "costs must be left out unless overrun is 'finish', got a table"),
    ],
)
def test_what_costs_exclude(given: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        mb.SchedulerConfig(EDGES, 8, costs=by_padding(1), **given)
    scheduler = mb.Scheduler(EDGES, 8, **given)
    with pytest.raises(ValueError, match=message):
        scheduler.reconfigure(costs=by_padding(1))
    assert scheduler.config.costs is None


def test_other_values_are_refused() -> None:
    given: Any = 3
    with pytest.raises(TypeError, match="costs must be a CostTable, got 3"):
        mb.Scheduler(EDGES, 8, costs=given)
    with pytest.raises(TypeError, match="costs must be a CostTable, got 3"):
        mb.Scheduler(EDGES, 8).reconfigure(costs=given)
    mean = mb.CostTable.of_batches([1], [0], [[1.0]], counts="mean")
    with pytest.raises(ValueError, match="counts must be longest, got mean"):
        mb.Scheduler(EDGES, 8, costs=mean)
