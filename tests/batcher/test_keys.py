"""`key=`: only items of one key share a batch, and no key starves another."""

from __future__ import annotations

import asyncio
import threading
import time
from typing import Any

import pytest

import multibin as mb


def parity(item: int) -> int:
    return item % 2


def test_only_items_of_one_key_share_a_batch() -> None:
    batches: list[list[int]] = []

    def work(items: list[int]) -> list[int]:
        batches.append(items)
        return items

    with mb.Batcher(work, key=parity, length=int, batch_size=8) as batcher:
        assert list(batcher.map(range(100))) == list(range(100))
        assert batcher.stats()["keys"] == 2
    assert all(len({parity(item) for item in batch}) == 1 for batch in batches)
    assert max(map(len, batches)) > 1


def test_a_busy_key_does_not_starve_another() -> None:
    """A thousand items of one key wait: an item of another one is in one of the next batches."""
    batches: list[list[int]] = []
    go = threading.Event()

    def work(items: list[int]) -> list[int]:
        go.wait(10)
        batches.append(items)
        return items

    with mb.Batcher(work, key=parity, batch_size=4, costs=None) as batcher:
        futures = [batcher.submit(2 * item) for item in range(500)]
        rare = batcher.submit(1)
        go.set()
        assert rare.result(timeout=10) == 1
        assert [future.result(timeout=10) for future in futures] == [2 * i for i in range(500)]
    assert next(at for at, batch in enumerate(batches) if batch == [1]) <= 2


def test_many_keys_in_asyncio() -> None:
    async def work(items: list[int]) -> list[int]:
        await asyncio.sleep(0)
        return items

    async def main() -> list[int]:
        async with mb.Batcher(work, key=lambda item: item % 300, batch_size=4) as batcher:
            results = await asyncio.gather(*(batcher(item) for item in range(3000)))
            assert batcher.stats()["keys"] <= 300
            return list(results)

    assert asyncio.run(main()) == list(range(3000))


def test_keys_that_come_and_go_are_forgotten() -> None:
    with mb.Batcher(lambda items: items, key=lambda item: item, batch_size=2) as batcher:
        for item in range(500):
            assert batcher.submit(item).result(timeout=10) == item
        assert batcher.stats()["keys"] <= 80


def test_the_capacity_counts_all_keys() -> None:
    go = threading.Event()

    def work(items: list[int]) -> list[int]:
        go.wait(10)
        return items

    with mb.Batcher(work, key=parity, batch_size=2, capacity=6) as batcher:
        futures = [batcher.submit(item) for item in range(6)]
        with pytest.raises(mb.FullError) as caught:
            batcher.submit(7)
        assert caught.value.depth == 6
        go.set()
        assert [future.result(timeout=10) for future in futures] == list(range(6))


def keys_of(batcher: mb.Batcher[Any, Any]) -> int:
    return batcher.stats()["keys"]


def settled(batcher: mb.Batcher[Any, Any], most: int = 64) -> bool:
    """Returns true once few keys are left: a worker looks at each key that had items."""
    deadline = time.monotonic() + 30
    while keys_of(batcher) > most and time.monotonic() < deadline:
        time.sleep(0.01)
    return keys_of(batcher) <= most


def test_many_keys_at_once_are_forgotten_when_they_end() -> None:
    with mb.Batcher(lambda items: items, key=lambda item: item) as batcher:
        futures = [batcher.submit(item) for item in range(1000)]
        assert [future.result(timeout=30) for future in futures] == list(range(1000))
        assert settled(batcher)
        assert batcher.stats()["answered"] == 1000
        # Those that are kept, and those that were forgotten, go on.
        assert list(batcher.map(range(1000))) == list(range(1000))


def test_many_keys_of_an_async_function_are_forgotten() -> None:
    async def same(items: list[int]) -> list[int]:
        return items

    async def main() -> None:
        async with mb.Batcher(same, key=lambda item: item, workers=2) as batcher:
            await asyncio.gather(*(batcher(item) for item in range(500)))
            assert await asyncio.to_thread(settled, batcher)

    asyncio.run(main())


def test_keys_whose_items_never_ran_are_forgotten() -> None:
    """Cancelled, expired, refused, and cancelled in the line for room."""
    go, running = threading.Event(), threading.Event()

    def work(items: list[int]) -> list[int]:
        running.set()
        go.wait(30)
        return items

    def key(item: int) -> int:
        if item == 13:
            raise ValueError(13)
        return item

    async def main() -> None:
        async with mb.Batcher(
            work, key=key, batch_size=1, capacity=200, on_full="wait", ttl=30
        ) as batcher:
            first = batcher.submit(-1)
            await asyncio.to_thread(running.wait)
            waiting = [batcher.submit(item) for item in range(1000, 1199)]
            in_line = [batcher.submit(item, ttl=30 * (item % 2)) for item in range(2000, 2100)]
            with pytest.raises(ValueError, match="13"):
                batcher.submit(13)
            assert keys_of(batcher) == 300
            for future in in_line + waiting:
                future.cancel()
            go.set()
            assert await first == -1
            assert await asyncio.to_thread(settled, batcher)

    asyncio.run(main())


def test_refused_keys_are_forgotten() -> None:
    go = threading.Event()

    def work(items: list[int]) -> list[int]:
        go.wait(30)
        return items

    with mb.Batcher(work, key=lambda item: item, batch_size=1, capacity=1) as batcher:
        first = batcher.submit(-1)
        for item in range(300):
            with pytest.raises(mb.FullError):
                batcher.submit(item)
        assert keys_of(batcher) <= 65
        go.set()
        assert first.result(timeout=30) == -1
        assert batcher.stats()["refused"] == 300


def test_a_key_in_line_for_room_is_kept() -> None:
    """Its item is computed, although more keys than are kept become idle meanwhile."""
    go = threading.Event()

    def work(items: list[int]) -> list[int]:
        if items == [0]:
            go.wait(30)
        return items

    async def main() -> None:
        async with mb.Batcher(
            work, key=lambda item: item, workers=2, batch_size=1, capacity=2, on_full="wait"
        ) as batcher:
            slow = batcher(0)
            futures = [batcher(item) for item in range(1, 300)]
            assert await asyncio.gather(*futures) == list(range(1, 300))
            go.set()
            assert await slow == 0

    asyncio.run(main())


def test_keys_come_and_go_in_many_threads() -> None:
    """A key is forgotten while others submit to it: each item has its answer."""
    wrong: list[int] = []

    def use(batcher: mb.Batcher[int, int], start: int) -> None:
        for item in range(start, start + 400):
            key = item % 150
            wrong.extend({batcher.submit(key).result(timeout=60)} - {key})

    with mb.Batcher(lambda items: items, key=lambda item: item, workers=2) as batcher:
        threads = [threading.Thread(target=use, args=(batcher, 37 * at)) for at in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert (wrong, batcher.stats()["answered"]) == ([], 3200)
        assert settled(batcher)
