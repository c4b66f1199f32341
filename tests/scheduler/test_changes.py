"""Cancels requests, changes a scheduler while it runs, and ends it."""

from __future__ import annotations

import threading

import numpy as np
import pytest
from tests.scheduler.taking import take

import multibin as mb

EDGES = mb.Edges([0, 10, 20])


def test_a_cancelled_request_is_not_delivered_and_frees_its_room() -> None:
    s = mb.Scheduler(EDGES, 2, capacity=2)
    first, second = s.submit(7, 1), s.submit(8, 15)
    assert s.cancel(first)
    assert not s.cancel(first), "it is gone"
    assert not s.cancel(99), "it never was"
    s.submit(9, 1)
    with s.worker().next_batch(0) as batch:
        assert sorted(batch.keys.tolist()) == [8, 9]
        assert not s.cancel(second), "it is delivered"
        with pytest.raises(mb.FullError):
            s.submit(10, 1)
    assert s.stats()["cancelled"] == 1


def test_a_climber_that_waits_can_be_cancelled() -> None:
    s = mb.Scheduler(EDGES, 2, overrun="climb", max_parked=1)
    worker = s.worker()
    ticket = s.submit(7, 1)
    batch = worker.next_batch(0)
    assert not s.cancel(ticket)
    batch.resubmit([0], [10])
    batch.done()
    assert s.cancel(ticket)
    s.submit(8, 1)
    assert take(worker).keys.tolist() == [8], "no climber is parked any more"


def test_a_full_bin_that_loses_one_is_not_full() -> None:
    s = mb.Scheduler(EDGES, 3, fill="strict")
    worker = s.worker()
    tickets = [s.submit(key, 5) for key in range(3)]
    assert s.cancel(tickets[1])
    with pytest.raises(TimeoutError):
        worker.next_batch(0)
    s.submit(3, 5)
    assert take(worker).keys.tolist() == [0, 2, 3]


def test_one_that_let_many_pass_is_still_found() -> None:
    s = mb.Scheduler(EDGES, 2, fill="strict", capacity=4)
    worker = s.worker()
    ticket = s.submit(7, 15)
    for key in range(100):
        s.submit_many(np.array([key, key], np.uint64), [1, 1])
        take(worker)
    assert s.cancel(ticket)
    assert s.stats()["waiting"] == 0


def test_edges_batch_size_and_waits_change_while_requests_wait() -> None:
    s = mb.Scheduler(EDGES, 4, fill="strict", max_bins=3)
    worker = s.worker()
    s.submit_many(np.arange(3, dtype=np.uint64), [5, 5, 15])
    s.reconfigure(edges=mb.Edges([0, 2, 4, 8]), batch_size=2)
    assert s.edges.bounds.tolist() == [0, 2, 4, 8]
    batch = take(worker)
    assert (batch.keys.tolist(), batch.bin) == ([0, 1], 0), "they stay where they were"
    s.submit(3, 3)
    s.submit(4, 3)
    assert sorted(take(worker).keys.tolist()) == [2, 3], "3 goes to the bin in which 2 is"
    s.reconfigure(max_wait=0)
    assert take(worker).reason == "overdue"
    s.reconfigure(max_wait=None)
    s.submit(5, 1)
    with pytest.raises(TimeoutError):
        worker.next_batch(0)


def test_a_change_wakes_a_worker_that_waits_for_a_full_bin() -> None:
    s = mb.Scheduler(EDGES, 8, fill="strict")
    s.submit_many(np.arange(4, dtype=np.uint64), [1] * 4)
    keys: list[int] = []
    worker = s.worker()
    thread = threading.Thread(target=lambda: keys.extend(take(worker, 10).keys.tolist()))
    thread.start()
    while s.stats()["waiting"] == 4:
        s.reconfigure(batch_size=4)
    thread.join()
    assert keys == [0, 1, 2, 3]


def test_bad_changes_are_named_and_change_nothing() -> None:
    s = mb.Scheduler(EDGES, 4, capacity=16, max_wait=1.0)
    with pytest.raises(ValueError, match="edges must have at most max_bins = 2 bins, got 3"):
        s.reconfigure(edges=mb.Edges([0, 1, 2, 3]), batch_size=2)
    for argument, value in [
        ("batch_size", 0),
        ("batch_size", 17),
        ("batch_size", -1),
        ("max_wait", -1.0),
        ("max_wait", float("nan")),
        ("max_parked", -1),
    ]:
        with pytest.raises(ValueError, match=rf"{argument} must be "):
            s.reconfigure(**{argument: value})  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="edges must have at most max_bins = 1 bins, got 2"):
        mb.Scheduler(EDGES, 4, max_bins=1)
    with pytest.raises(ValueError, match="max_bins must be at most 4096, got 5000"):
        mb.Scheduler(EDGES, 4, max_bins=5000)
    s.submit_many(np.arange(4, dtype=np.uint64), [1] * 4)
    assert take(s.worker()).keys.tolist() == [0, 1, 2, 3]
    assert s.edges == EDGES


def test_draining_waits_for_the_last_lease() -> None:
    s = mb.Scheduler(EDGES, 2)
    s.submit_many(np.arange(100, dtype=np.uint64), [1] * 100)

    def serve() -> None:
        with s.worker() as worker:
            for batch in worker:
                with batch:
                    assert len(batch.keys) <= 2

    server = threading.Thread(target=serve)
    server.start()
    s.drain(timeout=10)
    stats = s.stats()
    assert (stats["waiting"], stats["leased"], stats["done"]) == (0, 0, 100)
    server.join()
    with pytest.raises(mb.ClosedError):
        s.submit(1, 1)


def test_draining_says_what_is_left_when_the_time_is_over() -> None:
    s = mb.Scheduler(EDGES, 1)
    tickets = [s.submit(key, 1) for key in range(3)]
    worker = s.worker()
    batch = worker.next_batch(0)
    with pytest.raises(TimeoutError, match="not drained within the timeout: 2 waiting, 1 leased"):
        s.drain(0.01)
    assert s.closed
    batch.done()
    assert s.cancel(tickets[1])
    take(worker)
    s.drain(0)
