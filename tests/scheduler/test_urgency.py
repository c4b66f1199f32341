"""Priorities that age by the predicted length, and times to live."""

from __future__ import annotations

import threading
import time
from typing import Any

import numpy as np
import pytest
from tests.scheduler.taking import rest, take

import multibin as mb

EDGES = mb.Edges([0, 10, 20])


def test_a_priority_delays_a_request_by_ageing_times_its_length() -> None:
    s = mb.Scheduler(EDGES, 1, ageing=1000.0)
    for key, priority in enumerate([2, 1, 0, 1, 0]):
        s.submit(key, 5, priority=priority)
    s.submit(5, 6, priority=1)
    worker = s.worker()
    assert [int(take(worker).keys[0]) for _ in range(6)] == [2, 4, 1, 3, 5, 0]


def test_short_waits_are_worth_more_to_short_requests() -> None:
    s = mb.Scheduler(mb.Edges([0, 1]), 1, ageing=1000.0)
    s.submit(0, 100, priority=1)
    s.submit(1, 10, priority=1)
    s.submit(2, 10, priority=5)
    worker = s.worker()
    assert [int(take(worker).keys[0]) for _ in range(3)] == [1, 2, 0]


def test_no_priority_waits_longer_than_its_delay() -> None:
    s = mb.Scheduler(mb.Edges([0, 1]), 1, ageing=1e-4)
    s.submit(0, 10, priority=3)
    time.sleep(0.004)
    s.submit(1, 10)
    assert take(s.worker()).keys.tolist() == [0]


def test_full_bins_are_served_by_urgency() -> None:
    s = mb.Scheduler(EDGES, 2, ageing=1000.0, fill="strict")
    s.submit_many(np.arange(4, dtype=np.uint64), [5, 5, 15, 15], priorities=[1, 1, 0, 0])
    worker = s.worker()
    assert take(worker).keys.tolist() == [2, 3]
    assert take(worker).keys.tolist() == [0, 1]


def test_the_earliest_deadline_leads() -> None:
    s = mb.Scheduler(EDGES, 1, order="deadline")
    keys = np.arange(5, dtype=np.uint64)
    s.submit_many(keys, [5, 5, 15, 15, 5], ttls=[50.0, np.inf, 30.0, 40.0, np.inf])
    worker = s.worker()
    assert [int(take(worker).keys[0]) for _ in range(5)] == [2, 3, 0, 1, 4]


def test_a_request_that_expired_is_reported_once_and_frees_its_room() -> None:
    s = mb.Scheduler(EDGES, 4, capacity=4)
    worker = s.worker()
    s.submit(7, 5, ttl=0.0)
    s.submit(8, 5, ttl=60.0)
    s.submit(9, 5)
    batch = take(worker)
    assert (batch.keys.tolist(), batch.expired.tolist()) == ([8, 9], [7])
    s.submit_many(np.array([1, 2], np.uint64), [5, 5], ttls=[0, 0])
    batch = take(worker)
    assert (batch.keys.tolist(), batch.expired.tolist(), batch.reason) == ([], [1, 2], "expired")
    s.submit(3, 1)
    assert take(worker).expired.tolist() == []
    stats = s.stats()
    assert (stats["expired"], stats["waiting"], stats["submitted"]) == (3, 0, 6)


def test_a_ttl_does_not_end_what_has_started() -> None:
    s = mb.Scheduler(EDGES, 1, overrun="climb")
    worker = s.worker()
    s.submit(7, 1, ttl=0.02)
    with worker.next_batch(0) as batch:
        batch.resubmit([0], [10])
    time.sleep(0.03)
    batch = take(worker)
    assert (batch.keys.tolist(), batch.expired.tolist()) == ([7], [])


def test_a_ttl_wakes_a_worker_that_waits_for_a_full_bin() -> None:
    s = mb.Scheduler(EDGES, 8, fill="strict")
    s.submit(1, 5)
    found: list[mb.Batch] = []
    thread = threading.Thread(target=lambda: found.append(take(s.worker(), 10)))
    thread.start()
    time.sleep(0.02)
    s.submit(2, 5, ttl=0.05)
    start = time.monotonic()
    thread.join()
    assert 0.03 < time.monotonic() - start < 5
    assert (found[0].expired.tolist(), len(found[0].keys)) == ([2], 0)


def test_draining_ends_when_the_last_one_expires() -> None:
    s = mb.Scheduler(EDGES, 8, fill="strict")
    s.submit(1, 5, ttl=0.0)
    thread = threading.Thread(target=lambda: rest(s.worker()))
    thread.start()
    s.drain(10)
    thread.join()


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        ({"priority": 1}, ValueError, "priority must be 0 without ageing, got 1"),
        ({"priority": -1}, ValueError, "priority must be at least 0, got -1"),
        ({"priority": 0.5}, TypeError, "priority must be an int, got 0.5"),
        ({"ttl": -1}, ValueError, "ttl must be at least 0, got -1"),
        ({"ttl": float("nan")}, ValueError, "ttl must be at least 0, got nan"),
        ({"ttl": "soon"}, TypeError, "ttl must be a number, got 'soon'"),
        ({"priorities": [1]}, ValueError, r"priorities\[0\] must be 0 without ageing, got 1"),
        (
            {"priorities": [0, 0]},
            ValueError,
            "priorities must have one value for each of 1 keys, got 2",
        ),
        ({"priorities": [0.5]}, TypeError, "priorities must have an integer dtype, got float64"),
        ({"ttls": [1, 2]}, ValueError, "ttls must have one value for each of 1 keys, got 2"),
        ({"ttls": [-1]}, ValueError, r"ttls\[0\] must be at least 0, got -1"),
    ],
)
def test_bad_options_are_named(call: dict[str, Any], error: type[Exception], message: str) -> None:
    s = mb.Scheduler(EDGES, 4)
    many = "priorities" in call or "ttls" in call
    submit: Any = s.submit_many if many else s.submit
    arguments = (np.array([1], np.uint64), [1]) if many else (1, 1)
    with pytest.raises(error, match=message):
        submit(*arguments, **call)
    assert s.stats()["submitted"] == 0


def test_bad_ageing_is_named() -> None:
    for ageing in (-1.0, float("nan"), float("inf")):
        with pytest.raises(ValueError, match="ageing must be finite and at least 0, got"):
            mb.Scheduler(EDGES, 4, ageing=ageing)
    with pytest.raises(
        ValueError, match="ageing must be left out unless order is oldest or shortest, got 1"
    ):
        mb.Scheduler(EDGES, 4, ageing=1.0, order="deadline")
