"""A batcher in asyncio: order of leaving, turns, cancellation, deadlines, contexts, loops."""

from __future__ import annotations

import asyncio
import contextvars
import threading
import time

import pytest

import multibin as mb

Batches = list[list[int]]


def recorder(batches: Batches, seconds: float = 0) -> mb.Batcher[int, int]:
    """Returns a batcher of an async function that records its batches."""

    async def record(items: list[int]) -> list[int]:
        batches.append(items)
        await asyncio.sleep(seconds)
        return items

    return mb.Batcher(record, batch_size=8, costs=None)


def threaded(batches: Batches, seconds: float = 0) -> mb.Batcher[int, int]:
    """Returns a batcher of a plain function that records its batches."""

    def record(items: list[int]) -> list[int]:
        batches.append(items)
        time.sleep(seconds)
        return items

    return mb.Batcher(record, batch_size=8, costs=None)


both = pytest.mark.parametrize("make", [recorder, threaded])


@both
def test_a_closed_loop_of_callers_keeps_batches_full(make: type) -> None:
    """Twelve callers ask again as soon as they are answered: batches of 8 stay full.

    Without their turn, a batch would be cut of the four that wait.
    """
    batches: Batches = []

    async def caller(batcher: mb.Batcher[int, int], number: int) -> None:
        for _ in range(20):
            await batcher(number)

    async def main() -> None:
        async with make(batches, 0.001) as batcher:
            await asyncio.gather(*(caller(batcher, number) for number in range(12)))

    asyncio.run(main())
    assert sum(map(len, batches)) == 12 * 20
    # The first batch is what was there; at the end fewer callers are left.
    assert sum(len(batch) == 8 for batch in batches) >= len(batches) - 4


@both
def test_a_lone_item_leaves_at_once(make: type) -> None:
    async def main() -> float:
        async with make([], 0) as batcher:
            await batcher(1)
            seconds = []
            for _ in range(20):
                began = time.perf_counter()
                await batcher(1)
                seconds.append(time.perf_counter() - began)
            return sorted(seconds)[10]

    assert asyncio.run(main()) < 0.02


@both
def test_batches_are_cut_when_the_worker_is_free(make: type) -> None:
    """Items that come one after the other while a batch runs share the next one."""
    batches: Batches = []

    async def main() -> None:
        async with make(batches, 0.2) as batcher:
            futures = [batcher(0)]
            await asyncio.sleep(0.05)
            for item in range(1, 6):
                futures.append(batcher(item))
                await asyncio.sleep(0.01)
            await asyncio.gather(*futures)

    asyncio.run(main())
    assert batches == [[0], [1, 2, 3, 4, 5]]


@both
def test_a_caller_that_goes_away_before_its_batch_is_not_computed(make: type) -> None:
    batches: Batches = []

    async def main() -> None:
        async with make(batches, 0.1) as batcher:
            first = asyncio.ensure_future(batcher(0))
            await asyncio.sleep(0.03)
            gone = [asyncio.ensure_future(batcher(item)) for item in (1, 2)]
            stays = batcher(3)
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(gone[0], 0.01)
            gone[1].cancel()
            assert await stays == 3
            assert await first == 0
            assert batcher.stats()["cancelled"] == 2

    asyncio.run(main())
    assert batches == [[0], [3]]


@both
def test_a_caller_that_goes_away_meanwhile_harms_no_other(make: type) -> None:
    batches: Batches = []

    async def main() -> None:
        async with make(batches, 0.1) as batcher:
            futures = [batcher(item) for item in range(4)]
            await asyncio.sleep(0.03)
            assert futures[1].cancel()
            assert await asyncio.gather(futures[0], *futures[2:]) == [0, 2, 3]
            with pytest.raises(asyncio.CancelledError):
                await futures[1]

    asyncio.run(main())


def test_the_function_does_not_see_the_context_of_its_first_caller() -> None:
    user = contextvars.ContextVar("user", default="nobody")
    seen: list[str] = []

    def look(items: list[int]) -> list[int]:
        seen.append(user.get())
        return items

    async def alook(items: list[int]) -> list[int]:
        return look(items)

    async def caller(batcher: mb.Batcher[int, int], name: str) -> str:
        user.set(name)
        await batcher(1)
        return user.get()

    async def main(batcher: mb.Batcher[int, int]) -> list[str]:
        async with batcher:
            return [*await asyncio.gather(*(caller(batcher, name) for name in "ab"))]

    for batcher in (mb.Batcher(look), mb.Batcher(alook)):
        assert asyncio.run(main(batcher)) == ["a", "b"]
    assert set(seen) == {"nobody"}


@both
def test_two_loops_and_threads_on_one_batcher(make: type) -> None:
    batcher = make([], 0.001)
    results: dict[int, list[int]] = {}

    def in_loop(number: int) -> None:
        async def main() -> list[int]:
            return [*await asyncio.gather(*(batcher(number * 100 + i) for i in range(50)))]

        results[number] = asyncio.run(main())

    def in_thread(number: int) -> None:
        results[number] = [batcher.submit(number * 100 + i).result(timeout=20) for i in range(50)]

    threads = [
        threading.Thread(target=target, args=(number,))
        for number, target in enumerate([in_loop, in_loop, in_thread, in_thread])
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert results == {n: [n * 100 + i for i in range(50)] for n in range(4)}
    batcher.close(timeout=10)


def test_an_idle_loop_has_no_task_of_the_batcher() -> None:
    async def main() -> None:
        batcher = recorder([])
        await batcher(1)
        await asyncio.sleep(0)
        assert asyncio.all_tasks() == {asyncio.current_task()}
        await batcher.aclose()

    asyncio.run(main())


def test_workers_of_an_async_function_run_at_the_same_time() -> None:
    running = most = 0

    async def work(items: list[int]) -> list[int]:
        nonlocal running, most
        running += 1
        most = max(most, running)
        await asyncio.sleep(0.05)
        running -= 1
        return items

    async def main() -> None:
        async with mb.Batcher(work, workers=3, batch_size=1) as batcher:
            first = asyncio.ensure_future(batcher(0))
            await asyncio.sleep(0.01)
            await asyncio.gather(first, *(batcher(item) for item in range(1, 9)))

    asyncio.run(main())
    assert most == 3


def test_a_loop_that_ends_while_its_batch_runs() -> None:
    """Callers in other threads are told, and later calls are served."""
    started = threading.Event()

    async def work(items: list[int]) -> list[int]:
        started.set()
        await asyncio.sleep(60 if items == [0] else 0)
        return items

    batcher = mb.Batcher(work, batch_size=1)

    async def main() -> None:
        gone = batcher(0)
        await asyncio.to_thread(started.wait)
        later.append(batcher.submit(1))
        gone.cancel()

    later: list[mb.Future[int]] = []
    asyncio.run(main())
    assert later[0].result(timeout=10) == 1
    assert batcher.submit(2).result(timeout=10) == 2
    batcher.close(timeout=10)


def test_a_loop_that_is_closed_without_ending_its_tasks() -> None:
    async def work(items: list[int]) -> list[int]:
        if asyncio.get_running_loop() is loop:
            await loop.create_future()
        return items

    batcher = mb.Batcher(work, batch_size=1)
    loop = asyncio.new_event_loop()

    async def main() -> mb.Future[int]:
        future = batcher(0)
        await asyncio.sleep(0.01)
        return future

    stuck = loop.run_until_complete(main())
    assert batcher.submit(1).result(timeout=10) == 1
    assert stuck.result(timeout=10) == 0
    for task in asyncio.all_tasks(loop):
        task.cancel()
    loop.run_until_complete(asyncio.sleep(0.01))
    loop.close()
    batcher.close(timeout=10)


def test_max_wait_counts_from_the_oldest() -> None:
    """A long item leads a batch once it waited for `max_wait`, although short ones fill bins."""
    batches: Batches = []

    async def work(items: list[int]) -> list[int]:
        batches.append(items)
        await asyncio.sleep(0.02)
        return items

    async def caller(batcher: mb.Batcher[int, int]) -> None:
        for _ in range(30):
            await batcher(1)

    async def main() -> None:
        edges = mb.Edges([0, 10, 100])
        options = {"length": int, "costs": None, "edges": edges, "batch_size": 8}
        async with mb.Batcher(work, max_wait=0.05, **options) as batcher:  # type: ignore[arg-type]
            callers = [asyncio.create_task(caller(batcher)) for _ in range(40)]
            await asyncio.sleep(0.001)
            await batcher(50)
            batches.append([])
            await asyncio.gather(*callers)

    asyncio.run(main())
    at = next(at for at, batch in enumerate(batches) if 50 in batch)
    assert 1 <= at <= 8
    assert batches[at + 1] == []
