"""`map` and `amap`: the caller's order, streaming, bounded in flight."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import AsyncIterator, Iterator

import pytest

import multibin as mb


def slower(items: list[int]) -> list[int]:
    time.sleep(0.001 * max(items) / 100)
    return items


def mixed(n: int) -> list[int]:
    return random.Random(7).choices(range(1, 1000), k=n)


def test_the_callers_order() -> None:
    items = mixed(500)
    with mb.Batcher(slower, length=int, batch_size=16) as batcher:
        assert list(batcher.map(items)) == items
        assert list(batcher.map(items, in_flight=3)) == items
        assert list(batcher.map([])) == []


def test_amap_of_plain_and_async_iterables() -> None:
    items = mixed(300)

    async def each() -> AsyncIterator[int]:
        for item in items:
            yield item

    async def main() -> None:
        async with mb.Batcher(slower, length=int, batch_size=16) as batcher:
            assert [result async for result in batcher.amap(items)] == items
            assert [result async for result in batcher.amap(each(), in_flight=5)] == items

    asyncio.run(main())


def test_items_are_read_only_as_far_as_needed() -> None:
    read = 0

    def endless() -> Iterator[int]:
        nonlocal read
        while True:
            read += 1
            yield read

    with mb.Batcher(lambda items: items, batch_size=4, capacity=32) as batcher:
        results = batcher.map(endless(), in_flight=8)
        assert [next(results) for _ in range(10)] == list(range(1, 11))
        assert read <= 10 + 9
        results.close()  # type: ignore[attr-defined]


def test_results_stream() -> None:
    """The first result is there before the last item is read."""

    def slow_items() -> Iterator[int]:
        yield 0
        deadline = time.monotonic() + 10
        while not got and time.monotonic() < deadline:
            time.sleep(0.005)
            yield 1
        assert got

    got: list[int] = []
    with mb.Batcher(lambda items: items) as batcher:
        got.extend(batcher.map(slow_items()))
    assert got[0] == 0


def test_a_failed_item_raises_in_its_place() -> None:
    def work(items: list[int]) -> list[int | Exception]:
        return [ValueError(item) if item == 3 else item for item in items]

    with mb.Batcher(work) as batcher:
        results = batcher.map(range(6))
        assert [next(results) for _ in range(3)] == [0, 1, 2]
        with pytest.raises(ValueError, match="3"):
            next(results)
        both = list(batcher.map(range(6), return_exceptions=True))
        assert both[:3] + both[4:] == [0, 1, 2, 4, 5]
        assert isinstance(both[3], ValueError)


def test_what_is_given_up_is_cancelled() -> None:
    with mb.Batcher(slower, length=int, batch_size=1) as batcher:
        results = batcher.map([1000] * 100)
        next(results)
        results.close()  # type: ignore[attr-defined]
        assert batcher.stats()["cancelled"] > 90


def test_more_than_the_capacity() -> None:
    with mb.Batcher(lambda items: items, batch_size=2, capacity=4) as batcher:
        assert list(batcher.map(range(100), in_flight=100)) == list(range(100))


@pytest.mark.parametrize("in_flight", [0, -1, 1.5])
def test_a_window_that_is_none(in_flight: object) -> None:
    with (
        mb.Batcher(lambda items: items) as batcher,
        pytest.raises((ValueError, TypeError), match="in_flight"),
    ):
        list(batcher.map([1], in_flight=in_flight))  # type: ignore[call-overload]


@pytest.mark.parametrize("asynchronous", [False, True])
def test_an_item_whose_length_raises_fails_in_its_place(asynchronous: bool) -> None:
    def length(item: int) -> int:
        return 1 // item

    async def results(return_exceptions: bool, seen: list[object]) -> None:
        with_errors = {"return_exceptions": return_exceptions}
        async with mb.Batcher(lambda items: items, length=length) as batcher:
            if asynchronous:
                async for result in batcher.amap([1, 2, 0, 3], **with_errors):
                    seen.append(result)  # noqa: PERF401
            else:
                await asyncio.to_thread(
                    lambda: seen.extend(batcher.map([1, 2, 0, 3], **with_errors))
                )

    seen: list[object] = []
    asyncio.run(results(True, seen))
    assert [*seen[:2], seen[3]] == [1, 2, 3]
    assert isinstance(seen[2], ZeroDivisionError)
    with pytest.raises(ZeroDivisionError):
        asyncio.run(results(False, []))


def test_map_of_a_closed_batcher_ends() -> None:
    batcher = mb.Batcher(lambda items: items)
    batcher.close()
    with pytest.raises(mb.errors.ClosedError):
        list(batcher.map([1, 2], return_exceptions=True))
