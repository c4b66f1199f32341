"""Waits for room, in threads and tasks, and requests that expire."""

from __future__ import annotations

import asyncio
import math
import os
import signal
import threading
import time

import numpy as np
import pytest
from tests.scheduler.waiting import EDGES, SOON, in_thread, until_waiting

import multibin as mb


def full(capacity: int = 2) -> tuple[mb.Scheduler, mb.Worker]:
    s = mb.Scheduler(EDGES, 2, capacity=capacity)
    s.submit_many(range(capacity), [5] * capacity)
    return s, s.worker()


def until_queued() -> None:
    time.sleep(0.05)


def test_a_thread_waits_for_room() -> None:
    s, worker = full()
    tickets: list[int] = []
    waiter = in_thread(lambda: tickets.append(s.submit(7, 3, wait=math.inf)))
    until_queued()
    assert not tickets
    worker.next_batch(0).done()
    waiter.join(SOON)
    with worker.next_batch(SOON) as batch:
        assert (batch.keys.tolist(), batch.tickets.tolist()) == ([7], tickets)


def test_a_wait_that_is_over_is_full() -> None:
    s, _ = full()
    start = time.perf_counter()
    with pytest.raises(mb.FullError) as error:
        s.submit(7, 3, wait=0.05)
    assert 0.05 <= time.perf_counter() - start < SOON
    assert (error.value.accepted, error.value.first) == (0, None)
    with pytest.raises(mb.FullError):
        s.submit(7, 3, wait=0)
    assert s.stats()["refused"] == 2
    assert s.stats()["capacity"] == 2
    assert "multibin_refused_total" in s.prometheus()


@pytest.mark.parametrize("wait", [-1, math.nan])
def test_a_wrong_wait_is_named(wait: float) -> None:
    s, _ = full()
    with pytest.raises(ValueError, match="wait must be "):
        s.submit(7, 3, wait=wait)
    with pytest.raises(TypeError, match="wait must be "):
        s.submit_many([7], [3], wait="1")  # type: ignore[arg-type]


def test_first_come_first_served_among_threads_and_tasks() -> None:
    s, worker = full()
    served: list[int] = []

    def thread(key: int) -> threading.Thread:
        return in_thread(lambda: served.append((s.submit(key, 3, wait=SOON), key)[1]))

    async def task(key: int) -> None:
        await s.submit_async(key, 3)
        served.append(key)

    async def run() -> None:
        tasks, threads = [], []
        for key in range(10, 16, 2):
            tasks.append(asyncio.create_task(task(key)))
            await until_waiting(tasks[-1])
            threads.append(thread(key + 1))
            await asyncio.sleep(0.05)
        with pytest.raises(mb.FullError):
            s.submit(99, 3)
        keys: list[int] = []
        while len(keys) < 8:
            with worker.next_batch(0) as batch:
                keys += batch.keys.tolist()
            await asyncio.sleep(0.05)
        assert keys[2:] == [10, 11, 12, 13, 14, 15]
        await asyncio.gather(*tasks)
        for each in threads:
            each.join(SOON)

    asyncio.run(run())
    assert sorted(served) == [10, 11, 12, 13, 14, 15]


def test_a_bulk_call_may_be_larger_than_the_capacity() -> None:
    s = mb.Scheduler(EDGES, 2, capacity=4)
    keys = np.arange(50)
    seen: list[int] = []

    def consume() -> None:
        for batch in s.worker():
            with batch:
                seen.extend(batch.keys.tolist())

    consumer = in_thread(consume)
    first = s.submit_many(keys, np.full(50, 3), wait=SOON)
    assert first == 0

    async def more() -> int:
        return await s.submit_many_async(keys + 50, np.full(50, 3), costs=keys)

    assert asyncio.run(more()) == 50
    s.close()
    consumer.join(SOON)
    assert sorted(seen) == list(range(100))


def test_a_call_that_is_closed_half_way_says_what_it_accepted() -> None:
    s = mb.Scheduler(EDGES, 2, capacity=4)
    errors: list[mb.ClosedError] = []

    def submit() -> None:
        with pytest.raises(mb.ClosedError) as error:
            s.submit_many(range(7), [3] * 7, wait=math.inf)
        errors.append(error.value)

    waiter = in_thread(submit)
    until_queued()
    s.close()
    waiter.join(SOON)
    assert (errors[0].accepted, errors[0].first) == (s.stats()["submitted"], 0)
    with pytest.raises(mb.ClosedError) as error:
        s.submit(1, 3, wait=1)
    assert (error.value.accepted, error.value.first) == (0, None)


def test_a_cancelled_task_leaves_nothing_behind() -> None:
    s, worker = full()

    async def run() -> None:
        waiter = asyncio.create_task(s.submit_async(7, 3))
        await until_waiting(waiter)
        waiter.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiter
        accepted = asyncio.create_task(s.submit_async(8, 3))
        await until_waiting(accepted)
        worker.next_batch(0).done()
        accepted.cancel()
        with pytest.raises(asyncio.CancelledError):
            await accepted

    asyncio.run(run())
    with pytest.raises(TimeoutError):
        worker.next_batch(0)
    assert s.stats()["waiting"] == 0


def test_errors_of_an_await_name_the_argument() -> None:
    s = mb.Scheduler(EDGES, 2, budget=100, budget_of="cost")

    async def run() -> None:
        with pytest.raises(ValueError, match=r"cost must be at most budget = \d+, got 200"):
            await s.submit_async(1, 5, cost=200)
        with pytest.raises(ValueError, match=r"costs\[1\] must be at most budget = \d+, got 200"):
            await s.submit_many_async([1, 2], [5, 5], costs=[1, 200])
        with pytest.raises(
            ValueError, match="lengths must have one value for each of 2 keys, got 1"
        ):
            await s.submit_many_async([1, 2], [5])

    asyncio.run(run())


@pytest.mark.thread_unsafe(reason="signals go to the main thread")
def test_ctrl_c_ends_a_wait_for_room() -> None:
    s, worker = full()
    handler = signal.signal(signal.SIGINT, signal.default_int_handler)
    timer = threading.Timer(0.1, lambda: os.kill(os.getpid(), signal.SIGINT))
    timer.start()
    try:
        with pytest.raises(KeyboardInterrupt):
            s.submit(7, 3, wait=SOON)
    finally:
        timer.join()
        signal.signal(signal.SIGINT, handler)
    worker.next_batch(0).done()
    assert s.stats()["waiting"] == 0


def test_what_expired_is_reported_once_with_its_ticket() -> None:
    s, worker = full(4)
    worker.next_batch(0).done()
    tickets = [s.submit(7, 3, ttl=0), s.submit(8, 3, ttl=0)]
    time.sleep(0.01)
    keys, expired = s.expired()
    assert (keys.tolist(), expired.tolist()) == ([7, 8], tickets)
    assert [part.tolist() for part in s.expired()] == [[], []]
    late = s.submit(9, 3, ttl=0)
    time.sleep(0.01)
    reported: list[tuple[int, int]] = []
    while len(reported) < 1:
        with worker.next_batch(SOON) as batch:
            reported += list(
                zip(batch.expired.tolist(), batch.expired_tickets.tolist(), strict=True)
            )
    assert reported == [(9, late)]
    assert s.stats()["expired"] == 3
