"""Waits for batches in an event loop: what wakes a task, and what ends its wait."""

from __future__ import annotations

import asyncio
import time

import pytest
from tests.scheduler.waiting import EDGES, SOON, in_thread, take_soon, until_waiting

import multibin as mb


@pytest.mark.parametrize("from_thread", [False, True])
def test_a_lone_request_on_an_idle_loop(from_thread: bool) -> None:
    s = mb.Scheduler(EDGES, 4)
    worker = s.worker()

    async def run() -> list[int]:
        waiter = asyncio.create_task(take_soon(worker))
        await until_waiting(waiter)
        if from_thread:
            in_thread(lambda: s.submit(7, 3)).join()
        else:
            s.submit(7, 3)
        return list((await waiter).keys.tolist())

    assert asyncio.run(run()) == [7]
    assert s.stats()["done"] == 1


def test_a_batch_that_is_there_needs_no_loop() -> None:
    s = mb.Scheduler(EDGES, 4)
    worker = s.worker()
    s.submit(7, 3)
    with pytest.raises(StopIteration) as end:
        worker.next_batch_async().send(None)
    with end.value.value as batch:
        assert batch.keys.tolist() == [7]
    with pytest.raises(RuntimeError, match="no running event loop"):
        worker.next_batch_async().send(None)


def test_awaiting_twice_is_an_error() -> None:
    async def run() -> None:
        s = mb.Scheduler(EDGES, 4)
        s.submit(7, 3)
        wait = s.worker().next_batch_async()
        (await wait).done()
        with pytest.raises(RuntimeError, match="awaited twice"):
            await wait

    asyncio.run(run())


def test_timeouts() -> None:
    async def run() -> None:
        worker = mb.Scheduler(EDGES, 4).worker()
        with pytest.raises(TimeoutError):
            await worker.next_batch_async(0)
        start = time.perf_counter()
        with pytest.raises(TimeoutError, match="no batch within the timeout"):
            await worker.next_batch_async(timeout=0.03)
        assert 0.03 <= time.perf_counter() - start < SOON
        with pytest.raises(ValueError, match="timeout"):
            await worker.next_batch_async(-1)

    asyncio.run(run())


def test_closing_ends_waits_and_iteration() -> None:
    s = mb.Scheduler(EDGES, 2)
    shared = s.worker()

    async def iterate(worker: mb.Worker) -> list[int]:
        return [key async for batch in worker for key in batch.keys.tolist()]

    async def run() -> list[list[int]]:
        waiter = asyncio.create_task(take_soon(shared))
        # Each asks while the other two wait.
        tasks = [asyncio.create_task(iterate(worker)) for worker in (shared, s.worker())]
        await until_waiting(waiter)
        in_thread(s.close).join()
        with pytest.raises(mb.ClosedError):
            await waiter
        return await asyncio.wait_for(asyncio.gather(*tasks), SOON)

    assert asyncio.run(run()) == [[], []]


def test_closing_a_worker_ends_its_waits_alone() -> None:
    s = mb.Scheduler(EDGES, 2)
    one, other = s.worker(), s.worker()

    async def run() -> None:
        ends = [asyncio.create_task(take_soon(one)) for _ in range(2)]
        stays = asyncio.create_task(take_soon(other))
        await until_waiting(stays)
        one.close()
        for end in ends:
            with pytest.raises(mb.ClosedError):
                await end
        s.submit(7, 3)
        assert (await stays).keys.tolist() == [7]

    asyncio.run(run())


def test_async_for_ends_no_batch() -> None:
    s = mb.Scheduler(EDGES, 2)

    async def run() -> None:
        s.submit_many([1, 2, 3, 4, 5], [3] * 5)
        s.close()
        batches = [batch async for batch in s.worker()]
        assert sorted(key for batch in batches for key in batch.keys.tolist()) == [1, 2, 3, 4, 5]
        assert s.stats()["leased"] == 5
        for batch in batches:
            batch.done()

    asyncio.run(run())


def test_a_strict_bin_wakes_when_it_is_full() -> None:
    s = mb.Scheduler(EDGES, 3, fill="strict")

    async def run() -> None:
        waiter = asyncio.create_task(take_soon(s.worker()))
        await until_waiting(waiter)
        for key in range(4):
            s.submit(key, 10 * (key == 0))
            if key < 3:
                await until_waiting(waiter)
        assert (await waiter).keys.tolist() == [1, 2, 3]

    asyncio.run(run())


@pytest.mark.parametrize("before", [False, True])
def test_max_wait_wakes(before: bool) -> None:
    s = mb.Scheduler(EDGES, 3, fill="strict", max_wait=0.05)

    async def run() -> None:
        if before:
            s.submit(7, 3)
        waiter = asyncio.create_task(take_soon(s.worker()))
        await asyncio.sleep(0.01)
        if not before:
            in_thread(lambda: s.submit(7, 3)).join()
        batch = await waiter
        assert batch.reason == "overdue"
        assert 0.05 <= batch.waits[0] < SOON / 2

    asyncio.run(run())


def test_the_alarm_of_a_cancelled_waiter_is_set_by_another() -> None:
    s = mb.Scheduler(EDGES, 3, fill="strict", max_wait=0.05)
    worker = s.worker()

    async def run() -> None:
        first = asyncio.create_task(take_soon(worker))
        await until_waiting(first)
        second = asyncio.create_task(take_soon(worker))
        await until_waiting(second)
        s.submit(7, 3)
        await asyncio.sleep(0.01)
        first.cancel()
        assert (await second).reason == "overdue"

    asyncio.run(run())


def test_a_climber_wakes_its_own_worker() -> None:
    s = mb.Scheduler(EDGES, 1, overrun="climb")
    own, other = s.worker(), s.worker()

    async def run() -> None:
        s.submit(7, 0)
        batch = await own.next_batch_async()
        idle = asyncio.create_task(take_soon(other))
        await until_waiting(idle)
        waiter = asyncio.create_task(take_soon(own))
        await until_waiting(waiter)
        in_thread(lambda: batch.resubmit([0], [10])).join()
        batch.done()
        climbed = await waiter
        assert climbed.progress.tolist() == [10]
        await until_waiting(idle)
        s.close()
        with pytest.raises(mb.ClosedError):
            await idle

    asyncio.run(run())


def test_a_temporary_worker_lives_while_it_is_awaited() -> None:
    s = mb.Scheduler(EDGES, 2)

    async def run() -> None:
        waiter = asyncio.create_task(s.worker().next_batch_async())
        await until_waiting(waiter)
        s.submit(7, 3)
        with await waiter as batch:
            assert batch.keys.tolist() == [7]

    asyncio.run(run())
