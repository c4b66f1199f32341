"""Callers that a worker, a loop or a line could lose, and what a batcher could leave behind."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

import multibin as mb


def slow(items: list[int]) -> list[int]:
    time.sleep(0.002)
    return items


async def aslow(items: list[int]) -> list[int]:
    await asyncio.sleep(0.002)
    return items


async def forever(items: list[int]) -> list[int]:
    await asyncio.sleep(60)
    return items


both = pytest.mark.parametrize("function", [slow, aslow])


def modulo(item: int) -> int:
    return item % 3


@both
def test_a_key_whose_items_stand_in_line_for_room(function: Callable[..., Any]) -> None:
    async def main() -> list[int]:
        batcher = mb.Batcher(function, key=modulo, capacity=2, batch_size=2, on_full="wait")
        futures = asyncio.gather(*(batcher(item) for item in range(20)))
        results = await asyncio.wait_for(futures, 10)
        await batcher.aclose(10)
        return [*results]

    assert asyncio.run(main()) == list(range(20))


@pytest.mark.parametrize("is_async", [False, True])
def test_unfinished_items_of_a_key(is_async: bool) -> None:
    def work(items: list[Any], _: int | None) -> list[Any]:
        return [item[0] if isinstance(item, tuple) else mb.Unfinished((item,), 1) for item in items]

    async def awork(items: list[Any], _: int | None) -> list[Any]:
        return work(items, None)

    function: Any = awork if is_async else work
    batcher: mb.Batcher[int, int] = mb.Batcher(function, climb=True, key=modulo)
    assert [batcher.submit(item).result(timeout=10) for item in range(3)] == [0, 1, 2]
    batcher.close(timeout=10)


def test_unfinished_items_of_a_key_with_a_function_for_each_worker() -> None:
    """Only the worker that left an item goes on with it; the other one must not keep the loop."""
    started: list[str] = []

    def function(name: str) -> Callable[..., Any]:
        async def work(items: list[Any], _: int | None) -> list[Any]:
            started.append(name)
            await asyncio.sleep(0.05)
            return [
                item[0] if isinstance(item, tuple) else mb.Unfinished((item,), 1) for item in items
            ]

        return work

    functions = [function("a"), function("b")]
    options: dict[str, Any] = {"climb": True, "key": modulo, "batch_size": 1}
    batcher: mb.Batcher[int, int] = mb.Batcher(functions, **options)
    futures = [batcher.submit(item) for item in range(12)]
    assert [future.result(timeout=20) for future in futures] == list(range(12))
    assert set(started) == {"a", "b"}
    batcher.close(timeout=10)


def test_a_worker_that_is_cancelled_before_its_first_step() -> None:
    async def main() -> list[int]:
        batcher = mb.Batcher(aslow)
        first = batcher(1)
        for task in asyncio.all_tasks() - {asyncio.current_task()}:
            task.cancel()
        await asyncio.sleep(0)
        results = await asyncio.wait_for(asyncio.gather(first, batcher(2)), 10)
        await batcher.aclose(10)
        return [*results]

    assert asyncio.run(main()) == [1, 2]


def test_a_free_worker_takes_what_another_thread_submits() -> None:
    gate = threading.Event()

    async def work(items: list[int]) -> list[int]:
        if items == [0]:
            await asyncio.to_thread(gate.wait, 10)
        return items

    async def main() -> int:
        async with mb.Batcher(work, workers=2, batch_size=1, costs=None) as batcher:
            first = batcher(0)
            await asyncio.sleep(0.01)
            future = await asyncio.to_thread(batcher.submit, 1)
            result = await asyncio.wait_for(future, 5)
            gate.set()
            return result + await first

    assert asyncio.run(main()) == 1


def test_close_in_time_tells_the_callers_of_a_batch_that_runs() -> None:
    ran: list[list[int]] = []

    async def work(items: list[int]) -> list[int]:
        ran.append(items)
        return await forever(items)

    batcher = mb.Batcher(work, batch_size=1, name="stuck")
    futures = [batcher.submit(item) for item in range(3)]
    time.sleep(0.05)
    batcher.close(timeout=0.1)
    for future in futures:
        with pytest.raises(mb.ClosedError):
            future.result(timeout=10)
    deadline = time.monotonic() + 10
    while any("stuck" in thread.name for thread in threading.enumerate()):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    assert ran == [[0]]


def test_close_in_time_tells_the_callers_of_a_thread_that_hangs() -> None:
    gate = threading.Event()

    def hang(items: list[int]) -> list[int]:
        gate.wait(20)
        return items

    batcher = mb.Batcher(hang, batch_size=1)
    future = batcher.submit(1)
    time.sleep(0.05)
    batcher.close(timeout=0.1)
    with pytest.raises(mb.ClosedError):
        future.result(timeout=0)
    gate.set()


def test_dropped_while_its_own_loop_runs_a_batch() -> None:
    batcher = mb.Batcher(forever, batch_size=1)
    futures = [batcher.submit(item) for item in range(3)]
    time.sleep(0.05)
    with pytest.warns(ResourceWarning, match="2 waiting items"):
        del batcher
    for future in futures:
        with pytest.raises(mb.ClosedError):
            future.result(timeout=10)


def test_a_batch_that_took_too_long_is_not_halved() -> None:
    batches: list[list[int]] = []
    gate, told = threading.Event(), threading.Event()

    def work(items: list[int]) -> list[int]:
        batches.append(list(items))
        if items == [0]:
            gate.wait(10)
            return items
        told.wait(10)
        raise ValueError("late")

    options: dict[str, Any] = {"isolate": True, "worker_timeout": 0.3, "costs": None}
    batcher: mb.Batcher[int, int] = mb.Batcher(work, batch_size=4, **options)
    futures = [batcher.submit(item) for item in range(5)]
    gate.set()
    for future in futures[1:]:
        with pytest.raises(mb.WorkerTimeoutError):
            future.result(timeout=10)
    told.set()
    batcher.close(timeout=10)
    time.sleep(0.05)
    assert [len(batch) for batch in batches] == [1, 4]


def test_counts_of_keys_that_are_forgotten() -> None:
    with mb.Batcher(slow, key=lambda item: item) as batcher:
        for item in range(100):
            batcher.submit(item).result(timeout=10)
        stats = batcher.stats()
    assert (stats["submitted"], stats["answered"]) == (100, 100)
    assert stats["keys"] < 100


def test_a_measured_function_that_ends_its_thread() -> None:
    calls: list[int] = []

    def work(items: list[int]) -> list[int]:
        calls.append(len(items))
        raise SystemExit

    batcher = mb.Batcher(work, costs="measure", make=lambda _: 1, length=lambda _: 1)
    with pytest.raises(mb.WorkerError, match="SystemExit"):
        batcher.submit(1).result(timeout=10)
    batcher.close(timeout=10)
    assert len(calls) == 2
