"""`key=`: only items of one key share a batch, and no key starves another."""

from __future__ import annotations

import asyncio
import threading

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
