"""What happens to callers when a function fails, and to the batcher."""

from __future__ import annotations

import asyncio
import itertools
import threading
import time
import traceback
from collections import Counter

import numpy as np
import pytest

import multibin as mb

Outcome = object


def outcomes(batcher: mb.Batcher[int, int], items: list[int]) -> list[Outcome]:
    """Returns the result or the exception of each item, all submitted at once."""
    futures = [batcher.submit(item) for item in items]
    return [future.exception(timeout=10) or future.result(timeout=10) for future in futures]


def held(batcher: mb.Batcher[int, int], gate: threading.Event, items: list[int]) -> list[Outcome]:
    """Returns the outcomes of items that leave in one batch: a first item holds the worker."""
    first = batcher.submit(-1)
    futures = [batcher.submit(item) for item in items]
    gate.set()
    first.exception(timeout=10)
    return [future.exception(timeout=10) or future.result(timeout=10) for future in futures]


def test_an_exception_among_the_results_fails_its_caller_alone() -> None:
    error = ValueError("this item")

    def work(items: list[int]) -> list[int | ValueError]:
        return [error if item == 2 else item for item in items]

    with mb.Batcher(work) as batcher:
        assert outcomes(batcher, [1, 2, 3]) == [1, error, 3]


def test_an_exception_that_is_raised_fails_its_batch_alone() -> None:
    def work(items: list[int]) -> list[int]:
        if 2 in items:
            raise ValueError("this batch")
        return items

    with mb.Batcher(work, batch_size=1) as batcher:
        results = outcomes(batcher, [1, 2, 3])
    assert [results[0], results[2]] == [1, 3]
    assert isinstance(results[1], ValueError)


@pytest.mark.parametrize("culprits", [set(), {0}, {7}, {3, 4}, set(range(8))])
def test_isolate_finds_the_culprits(culprits: set[int]) -> None:
    computed: Counter[int] = Counter()
    gate = threading.Event()

    def work(items: list[int]) -> list[int]:
        gate.wait(10)
        computed.update(items)
        if culprits.intersection(items):
            raise ValueError("bad")
        return items

    with mb.Batcher(work, batch_size=8, isolate=True, costs=None) as batcher:
        results = held(batcher, gate, list(range(8)))
    for item, result in enumerate(results):
        assert isinstance(result, ValueError) if item in culprits else result == item
    # Once in the whole batch, then again at most log2(8) times.
    assert max(computed.values()) <= 1 + 3


def test_isolate_in_asyncio() -> None:
    async def work(items: list[int]) -> list[int]:
        await asyncio.sleep(0)
        if 5 in items:
            raise ValueError("bad")
        return items

    async def main() -> list[object]:
        async with mb.Batcher(work, batch_size=8, isolate=True) as batcher:
            return [*await asyncio.gather(*map(batcher, range(8)), return_exceptions=True)]

    results = asyncio.run(main())
    assert results[:5] + results[6:] == [0, 1, 2, 3, 4, 6, 7]
    assert isinstance(results[5], ValueError)


@pytest.mark.parametrize(
    ("returned", "got"),
    [
        ([], "got 0"),
        ([1, 2], "got 2"),
        (None, "got None"),
        ("x", "got 'x'"),
        ({1: 2}, "got {1: 2}"),
        (5, "got 5"),
    ],
)
def test_a_wrong_number_or_kind_of_results(returned: object, got: str) -> None:
    with mb.Batcher(lambda _: returned, batch_size=4) as batcher:  # type: ignore[arg-type, var-annotated]
        with pytest.raises(mb.BatchError, match=f"a sequence of 1 results, one an item, {got}"):
            batcher.submit(1).result(timeout=10)
        assert batcher.stats()["failed"] == 1


def test_results_of_other_kinds_of_sequences() -> None:
    np = pytest.importorskip("numpy")
    with mb.Batcher(lambda items: np.array(items) * 2) as batcher:
        assert batcher.submit(21).result(timeout=10) == 42
    with mb.Batcher(lambda items: tuple(items)) as batcher:
        assert batcher.submit(21).result(timeout=10) == 21
    with mb.Batcher(lambda items: (item for item in items)) as batcher:
        assert batcher.submit(21).result(timeout=10) == 21


class Stop(BaseException):
    """Is no Exception."""


@pytest.mark.parametrize("error", [Stop, KeyboardInterrupt, SystemExit, GeneratorExit])
def test_a_base_exception_in_a_thread_tells_callers_and_goes_on(
    error: type[BaseException],
) -> None:
    def work(items: list[int]) -> list[int]:
        if items[0] == 0:
            raise error
        return items

    with mb.Batcher(work, batch_size=1) as batcher:
        with pytest.raises(mb.WorkerError, match=error.__name__) as caught:
            batcher.submit(0).result(timeout=10)
        assert isinstance(caught.value.__cause__, error)
        assert batcher.submit(1).result(timeout=10) == 1


@pytest.mark.parametrize("error", [Stop, asyncio.CancelledError])
def test_a_base_exception_in_a_task_tells_callers_and_goes_on(error: type[BaseException]) -> None:
    async def work(items: list[int]) -> list[int]:
        await asyncio.sleep(0)
        if items[0] == 0:
            raise error
        return items

    async def main() -> int:
        async with mb.Batcher(work, batch_size=1) as batcher:
            with pytest.raises(mb.WorkerError, match=error.__name__):
                await batcher(0)
            return await batcher(1)

    assert asyncio.run(main()) == 1


def test_an_interrupt_in_a_task_ends_its_loop_and_tells_callers() -> None:
    async def work(items: list[int]) -> list[int]:
        if items[0] == 0:
            raise KeyboardInterrupt
        return items

    batcher = mb.Batcher(work, batch_size=1)
    futures: list[mb.Future[int]] = []

    async def main() -> None:
        futures.append(batcher(0))
        await asyncio.sleep(10)

    with pytest.raises(KeyboardInterrupt):
        asyncio.run(main())
    with pytest.raises(mb.WorkerError, match="KeyboardInterrupt"):
        futures[0].result(timeout=10)
    assert batcher.submit(1).result(timeout=10) == 1
    batcher.close(timeout=10)


def test_a_worker_that_hangs() -> None:
    back = threading.Event()

    def work(items: list[int]) -> list[int]:
        if items[0] == 0:
            back.wait(20)
        return items

    with mb.Batcher(work, batch_size=1, worker_timeout=0.1) as batcher:
        late = batcher.submit(0)
        waits = batcher.submit(1)
        with pytest.raises(mb.WorkerTimeoutError, match=r"worker_timeout = 0\.1 s"):
            late.result(timeout=10)
        assert waits.result(timeout=10) == 1
        back.set()
        assert batcher.submit(2).result(timeout=10) == 2
    assert isinstance(late.exception(), TimeoutError)


def test_a_task_that_hangs() -> None:
    async def work(items: list[int]) -> list[int]:
        await asyncio.sleep(20 if items[0] == 0 else 0)
        return items

    async def main() -> int:
        async with mb.Batcher(work, batch_size=1, worker_timeout=0.1) as batcher:
            with pytest.raises(mb.WorkerTimeoutError):
                await batcher(0)
            return await batcher(1)

    assert asyncio.run(main()) == 1


def test_many_callers_of_one_exception_do_not_grow_its_traceback() -> None:
    def work(_: list[int]) -> list[int]:
        raise ValueError("all")

    async def caller(batcher: mb.Batcher[int, int]) -> int:
        try:
            await batcher(1)
        except ValueError as error:
            return len(traceback.extract_tb(error.__traceback__))
        return 0

    async def main() -> list[int]:
        async with mb.Batcher(work, batch_size=64) as batcher:
            return [*await asyncio.gather(*(caller(batcher) for _ in range(64)))]

    depths = asyncio.run(main())
    assert 0 < max(depths) < 10


def test_a_length_that_is_none_reaches_its_caller() -> None:
    with mb.Batcher(lambda items: items, length=lambda item: item) as batcher:
        for wrong in (-1, "x", None):
            with pytest.raises((TypeError, ValueError)):
                batcher.submit(wrong)  # type: ignore[arg-type]
        assert batcher.submit(3).result(timeout=10) == 3
        assert batcher.stats()["submitted"] == 1


def test_a_thread_that_ends_is_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    """A fault in the worker itself, not in the function: its callers are told, the next served."""
    from multibin.batcher._runtime import Runtime

    run = Runtime.run
    faults = [RuntimeError("a fault of the worker")]

    def faulty(self: Runtime, job: object) -> None:
        if faults:
            raise faults.pop()
        run(self, job)  # type: ignore[arg-type]

    monkeypatch.setattr(Runtime, "run", faulty)
    with mb.Batcher(lambda items: items, batch_size=1) as batcher:
        with pytest.raises(mb.WorkerError, match="a fault of the worker"):
            batcher.submit(1).result(timeout=10)
        assert batcher.submit(2).result(timeout=10) == 2


def test_the_function_may_call_its_own_batcher_from_a_thread() -> None:
    def work(items: list[int]) -> list[int]:
        if items[0] > 0:
            asked.append(batcher.submit(items[0] - 1))
        return items

    asked: list[mb.Future[int]] = []
    with mb.Batcher(work, batch_size=1) as batcher:
        assert batcher.submit(3).result(timeout=10) == 3
        deadline = time.monotonic() + 10
        while len(asked) < 3 and time.monotonic() < deadline:
            time.sleep(0.01)
        assert [future.result(timeout=10) for future in asked] == [2, 1, 0]


@pytest.mark.parametrize("results", [itertools.repeat(0), np.array(3)], ids=["endless", "no rows"])
def test_results_that_cannot_be_one_an_item(results: object) -> None:
    with mb.Batcher(lambda _: results) as batcher:  # type: ignore[arg-type, var-annotated]
        (outcome,) = outcomes(batcher, [1])
    assert isinstance(outcome, mb.errors.BatchError)


def test_a_generator_exit_of_an_async_function_is_told_once() -> None:
    calls = 0

    async def leave(items: list[int]) -> list[int]:
        nonlocal calls
        calls += 1
        if calls == 1:
            raise GeneratorExit
        return items

    async def work() -> None:
        async with mb.Batcher(leave) as batcher:
            with pytest.raises(mb.errors.WorkerError) as failed:
                await batcher(1)
            assert isinstance(failed.value.__cause__, GeneratorExit)
            assert await batcher(2) == 2

    asyncio.run(work())
