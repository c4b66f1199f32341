"""The scheduler: what it accepts, which batches leave, how it ends."""

from __future__ import annotations

import pickle
import threading
import time
from typing import Any

import numpy as np
import pytest
from tests.scheduler.taking import keys, rest, take

import multibin as mb

EDGES = mb.Edges([0, 10, 20, 40])


def scheduler(batch_size: int = 4, **options: Any) -> mb.Scheduler:
    return mb.Scheduler(EDGES, batch_size, **options)


def started(batch_size: int = 4, **options: Any) -> tuple[mb.Scheduler, mb.Worker]:
    s = scheduler(batch_size, **options)
    return s, s.worker()


def test_a_full_bin_leaves_first() -> None:
    s, worker = started(fill="strict")
    for key, length in enumerate([5, 15, 5, 15, 15, 30, 15]):
        assert s.submit(key, length) == key
    batch = worker.next_batch()
    assert batch.keys.tolist() == [1, 3, 4, 6]
    assert (batch.bin, batch.reason, batch.limit, len(batch)) == (1, "full", None, 4)
    assert batch.lengths.tolist() == [15, 15, 15, 15]
    assert batch.progress.tolist() == [0, 0, 0, 0]
    assert batch.tickets.tolist() == [1, 3, 4, 6]
    assert (batch.waits >= 0).all()
    assert (batch.ages == batch.waits).all()
    with pytest.raises(TimeoutError):
        worker.next_batch(0)
    batch.done()
    s.close()
    assert keys(rest(worker)) == [[0, 2], [5]]


def test_elastic_waits_for_no_request_and_tops_up_from_the_nearest_bins() -> None:
    s, worker = started()
    s.submit(1, 5)
    batch = take(worker)
    assert (batch.keys.tolist(), batch.reason) == ([1], "light_load")
    for key, length in enumerate([30, 30, 5, 15, 5, 15, 5]):
        s.submit(key, length)
    batch = take(worker)
    assert (batch.keys.tolist(), batch.bin, batch.reason) == ([0, 1, 3, 5], 2, "elastic")


@pytest.mark.parametrize("order", [None, "formed", "oldest", "shortest"])
def test_which_full_bin_goes_first(order: str | None) -> None:
    s, worker = started(2, order=order, fill="strict")
    for key, length in enumerate([5, 15, 15, 5]):
        s.submit(key, length)
    first = [0, 3] if order in ("oldest", "shortest") else [1, 2]
    assert take(worker).keys.tolist() == first


def test_the_shortest_full_bin_goes_first() -> None:
    s, worker = started(2, order="shortest", fill="strict")
    for key, length in enumerate([15, 15, 5, 5]):
        s.submit(key, length)
    assert take(worker).keys.tolist() == [2, 3]


def test_one_strict_bin_is_a_fifo() -> None:
    rng = np.random.default_rng(0)
    s = mb.Scheduler(mb.Edges([0, 1]), 8, fill="strict")
    s.submit_many(np.arange(100), rng.integers(0, 1000, 100))
    s.close()
    assert keys(rest(s.worker())) == [list(range(i, min(i + 8, 100))) for i in range(0, 100, 8)]


@pytest.mark.parametrize(
    ("lengths", "limit"),
    [
        ([0, 0, 0, 0], 10),
        ([0, 15, 15, 30], 20),
        ([0, 0, 30, 30], 10),
        ([0, 30, 30], None),
        ([0, 30, 30, 30], None),
    ],
)
def test_a_batch_of_several_bins_runs_until_half_are_at_the_ends_of_theirs(
    lengths: list[int], limit: int | None
) -> None:
    s, worker = started(overrun="climb")
    s.submit_many(np.arange(len(lengths)), lengths)
    assert take(worker).limit == limit
    for overrun, leaders in [("finish", None), ("recompute", 10)]:
        s, worker = started(overrun=overrun)
        s.submit_many(np.arange(len(lengths)), lengths)
        assert take(worker).limit == leaders, "the leader's bin is run through"


def test_climbing() -> None:
    s, worker = started(2, overrun="climb")
    s.submit_many([7, 8], [0, 0])
    other = s.worker()
    batch = worker.next_batch(0)
    assert batch.limit == 10
    batch.resubmit([1], [10])
    with pytest.raises(ValueError, match="rows must be resubmitted at most once, got 1 twice"):
        batch.resubmit([1], [10])
    batch.done()
    with pytest.raises(RuntimeError, match="done"):
        batch.resubmit([0], [10])
    with pytest.raises(TimeoutError):
        other.next_batch(0)  # the other worker holds the climber's state
    again = worker.next_batch(0)
    assert (again.keys.tolist(), again.bin, again.limit) == ([8], 1, 10)
    assert again.progress.tolist() == [10]
    assert again.ages[0] > again.waits[0]
    again.resubmit(np.array([True]), np.array([25]), anywhere=True)
    again.done()
    last = other.next_batch(0)
    assert (last.keys.tolist(), last.bin, last.limit) == ([8], 2, None)
    last.done()
    stats = s.stats()
    assert (stats["submitted"], stats["taken"], stats["resubmitted"]) == (2, 4, 2)
    assert (stats["done"], stats["waiting"], stats["leased"]) == (2, 0, 0)


@pytest.mark.parametrize(
    ("rows", "progress", "message"),
    [
        ([2], [10], r"rows\[0\] must be a position in this batch of 2, got 2"),
        ([-1], [10], r"rows\[0\] must be a position in this batch of 2, got -1"),
        (
            np.array([2**64 - 1], "u8"),
            [10],
            rf"rows\[0\] must be a position in this batch of 2, got {2**64 - 1}",
        ),
        ([2**70], [10], rf"rows\[0\] must be a position in this batch of 2, got {2**70}"),
        ([0, 0], [10, 10], "rows must be resubmitted at most once, got 0 twice"),
        ([0], [10, 11], "progress must have one value for each of 1 rows, got 2"),
        ([True], [10], "rows must have one value for each of 2 rows of the batch, got 1"),
        ([0], [-1], r"progress\[0\] must be between 0 and 4294967295, got -1"),
        ([0], [float("nan")], r"progress\[0\] must be between 0 and 4294967295, got nan"),
    ],
)
def test_a_bad_resubmission_changes_nothing(rows: Any, progress: Any, message: str) -> None:
    s, worker = started(2, overrun="climb")
    s.submit_many([7, 8], [0, 0])
    with worker.next_batch(0) as batch:
        with pytest.raises(ValueError, match=message):
            batch.resubmit(rows, progress)
        assert s.stats()["resubmitted"] == 0
        batch.resubmit([0, 1], [10, 10])
    assert s.stats()["waiting"] == 2


def test_progress_never_goes_back() -> None:
    s, worker = started(1, overrun="climb")
    s.submit(7, 0)
    with worker.next_batch(0) as batch:
        batch.resubmit([0], [10])
    message = "progress must be at least 10 for row 0, got 9"
    with worker.next_batch(0) as again, pytest.raises(ValueError, match=message):
        again.resubmit([0], [9])


@pytest.mark.parametrize("overrun", ["climb", "recompute"])
def test_a_row_may_come_back_without_a_step(overrun: Any) -> None:
    s, worker = started(2, overrun=overrun)
    s.submit_many([7, 8], [0, 0])
    for progress in (0, 10, 10):  # as when its state finds no room, or it begins again
        with worker.next_batch(0) as batch:
            assert sorted(batch.keys.tolist()) == [7, 8]
            batch.resubmit([0, 1], [progress] * 2)
    with worker.next_batch(0) as batch:
        assert batch.progress.tolist() == [10, 10]
    assert (s.stats()["resubmitted"], s.stats()["done"]) == (6, 2)


def test_a_lease_counts_towards_the_capacity() -> None:
    s, worker = started(2, capacity=3)
    for key in range(3):
        s.submit(key, 1)
    with pytest.raises(mb.FullError) as full:
        s.submit(3, 1)
    assert (full.value.accepted, full.value.first) == (0, None)
    batch = worker.next_batch(0)
    with pytest.raises(mb.FullError):
        s.submit(3, 1)
    batch.done()
    batch.done()
    with pytest.raises(mb.FullError, match="2 accepted") as full:
        s.submit_many([3, 4, 5], [1, 1, 1])
    assert (full.value.accepted, full.value.first) == (2, 3)
    assert take(worker).keys.tolist() == [2, 3]


def test_a_prefix_that_was_accepted_can_be_cancelled() -> None:
    s, worker = started(2, capacity=3)
    s.submit(7, 1)
    with pytest.raises(mb.FullError, match="2 accepted") as full:
        s.submit_many([8, 9, 10], [1, 1, 1])
    again = pickle.loads(pickle.dumps(full.value))
    assert (str(again), again.accepted, again.first) == (str(full.value), 2, 1)
    assert [s.cancel(again.first + i) for i in range(again.accepted)] == [True, True]
    with worker.next_batch(0) as batch:
        assert batch.keys.tolist() == [7]
        s.submit_many([8, 9], [1, 1])
        with pytest.raises(mb.FullError) as full:
            s.submit_many([10], [1])
    assert (full.value.accepted, full.value.first) == (0, None)


def test_a_dropped_lease_is_lost_and_counted() -> None:
    s, worker = started(2, capacity=2)
    s.submit_many([1, 2], [1, 1])
    batch = worker.next_batch(0)
    with pytest.warns(ResourceWarning, match="2 rows are lost"):
        del batch
    assert (s.stats()["lost"], s.stats()["leased"]) == (2, 0)
    s.submit(3, 1)
    with worker.next_batch(0):
        pass
    s.submit(4, 1)

    def fail() -> None:
        with worker.next_batch(0):
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    assert (s.stats()["lost"], s.stats()["done"]) == (3, 1)


def test_a_loop_ends_no_batch() -> None:
    s, worker = started(2)
    s.submit_many(np.arange(5), np.ones(5))
    s.close()
    batches, leased = [], []
    for batch in worker:
        batches.append(batch)
        leased.append(s.stats()["leased"])
    assert leased == [2, 4, 5]
    for batch in batches:
        batch.done()
    assert (s.stats()["done"], s.stats()["lost"]) == (5, 0)


def test_closing() -> None:
    s, worker = started(2, overrun="climb")
    s.submit(1, 0)
    batch = worker.next_batch(0)
    s.close()
    s.close()
    assert s.closed
    with pytest.raises(mb.ClosedError):
        s.submit(2, 0)
    with pytest.raises(mb.ClosedError):
        s.submit_many([2], [0])
    with pytest.raises(mb.ClosedError):
        s.submit_many([], [])
    with pytest.raises(mb.ClosedError):
        worker.next_batch()
    batch.resubmit([0], [10])
    assert take(worker).reason == "drain", "a worker that resubmits later asks again"


def test_climbers_of_a_closed_worker_restart() -> None:
    s, worker = started(1, overrun="climb")
    s.submit(1, 0)
    batch = worker.next_batch(0)
    batch.resubmit([0], [10])
    worker.close()
    with pytest.raises(mb.ClosedError, match="the worker is closed"):
        worker.next_batch()
    again = take(s.worker())
    assert (again.keys.tolist(), again.progress.tolist()) == ([1], [0])
    assert s.stats()["restarted"] == 1


def test_parked_climbers_are_bounded() -> None:
    s, worker = started(2, overrun="climb", max_parked=2)
    s.submit_many(np.arange(6), np.zeros(6))
    with worker.next_batch(0) as first:
        first.resubmit([0, 1], [10, 10])
    assert take(worker).keys.tolist() == [0, 1], "two wait with their state, so no other starts"
    assert take(worker).keys.tolist() == [2, 3]
    with pytest.raises(ValueError, match="max_parked must be at least 0, got -1"):
        scheduler(max_parked=-1)


def test_recomputing_climbers_restart() -> None:
    s, worker = started(1, overrun="recompute")
    s.submit(7, 0)
    with worker.next_batch(0) as first:
        assert first.limit == 10
        first.resubmit([0], [10])
    again = take(worker)
    assert (again.bin, again.limit) == (1, 20), "all steps again, not the 10 that are left"


def test_overdue_requests_lead() -> None:
    s, worker = started(2, order="formed")
    s.submit(0, 30)
    for key in range(1, 8):
        s.submit(key, 5)
    served: list[list[int]] = []
    for key in range(8, 40, 2):
        served.append(take(worker).keys.tolist())
        s.submit_many([key, key + 1], [5, 5])
    # It entered alone: its bypass bound is 4·B = 8 rows, then it leads.
    assert [0 in batch for batch in served].index(True) == 5


def test_max_wait_lets_a_partial_batch_leave() -> None:
    s, worker = started(8, fill="strict", max_wait=0.02)
    start = time.perf_counter()
    s.submit(1, 5)
    batch = take(worker, 5)
    assert batch.reason == "overdue"
    assert batch.waits[0] >= 0.02
    assert time.perf_counter() - start < 4


@pytest.mark.parametrize("number", [5, 4.2, np.int64(5), np.uint8(5), np.float32(4.2), True])
def test_every_kind_of_number_is_a_length(number: Any) -> None:
    s, worker = started()
    s.submit(np.uint64(2**64 - 1), number)
    batch = take(worker)
    assert batch.keys.tolist() == [2**64 - 1]
    assert batch.lengths.tolist() == [1 if number is True else 5]


def test_a_waiting_worker_leaves_the_interpreter_to_others() -> None:
    s, worker = started(1)
    got: list[int] = []

    def work() -> None:
        for batch in worker:
            with batch:
                got.extend(batch.keys.tolist())

    thread = threading.Thread(target=work)
    thread.start()
    for key in range(50):
        s.submit(key, 5)
        time.sleep(0.0005)
    s.close()
    thread.join(10)
    assert not thread.is_alive()
    assert got == list(range(50))


def test_arrays_are_read_as_they_are_whatever_their_layout() -> None:
    records = np.zeros(6, dtype=[("pad", "u1"), ("key", "u8"), ("length", "u4")])
    records["key"], records["length"] = np.arange(100, 106), np.arange(6)
    buffer = np.frombuffer(b"\0" + np.arange(100, 106, dtype="u8").tobytes(), "u8", offset=1)
    layouts: list[tuple[Any, Any]] = [
        (records["key"], records["length"]),
        (records["key"].astype(">u8"), records["length"].astype(">u4")),
        (buffer, np.arange(6, dtype=">i8")),
        (np.arange(105, 99, -1)[::-1], np.arange(12.0)[::2] / 2),
        (np.arange(100, 106).astype(object), list(range(6))),
    ]
    for keys_, lengths in layouts:
        s, worker = started(8)
        s.submit_many(keys_, lengths)
        batch = take(worker)
        assert batch.keys.tolist() == list(range(100, 106))
        assert batch.lengths.tolist() == list(range(6))


def test_loops_over_one_worker_go_on_with_its_climbers() -> None:
    s, worker = started(1, overrun="climb")
    s.submit_many([1, 2, 3], [0, 0, 0])
    one, other = iter(worker), iter(worker)
    batch, second = next(one), next(other)
    assert (batch.keys.tolist(), second.keys.tolist()) == ([1], [2])
    batch.resubmit([0], [10])
    climbed = next(other)
    assert climbed.keys.tolist() == [1], "the climber is the oldest"
    assert (s.stats()["leased"], s.stats()["resubmitted"]) == (2, 1)
    second.done()
    climbed.done()


def test_a_closed_strict_scheduler_lets_full_bins_go_first() -> None:
    s, worker = started(2, fill="strict", max_wait=1e-9)
    s.submit_many([1, 2, 3], [5, 15, 15])
    s.close()
    batches = rest(worker)
    assert [(b.reason, b.keys.tolist()) for b in batches] == [("full", [2, 3]), ("drain", [1])]
