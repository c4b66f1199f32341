"""Capacity, cost, priorities, times to live: what a batcher accepts and when it leaves."""

from __future__ import annotations

import asyncio
import threading
import time
from itertools import chain

import pytest

import multibin as mb


class Held:
    """A batcher whose worker waits until it may go on."""

    def __init__(self, **options: object) -> None:
        self.go = threading.Event()
        self.batches: list[list[int]] = []
        self.batcher: mb.Batcher[int, int] = mb.Batcher(self.work, costs=None, **options)  # type: ignore[arg-type]
        self.first = self.batcher.submit(0)
        deadline = time.monotonic() + 10
        while not self.batches and time.monotonic() < deadline:
            time.sleep(0.001)

    def work(self, items: list[int]) -> list[int]:
        self.batches.append(items)
        self.go.wait(20)
        return items

    def __enter__(self) -> Held:
        return self

    def __exit__(self, *_: object) -> None:
        self.go.set()
        self.batcher.close(timeout=10)


def test_full_says_how_many_and_when_to_come_back() -> None:
    with Held(batch_size=2, capacity=4) as held:
        held.go.set()
        assert list(held.batcher.map(range(50), in_flight=2)) == list(range(50))
        held.go.clear()
        futures = [held.batcher.submit(item) for item in range(4)]
        with pytest.raises(mb.FullError) as caught:
            held.batcher.submit(4)
        assert caught.value.depth == 4
        assert caught.value.retry_after is not None
        assert 0 < caught.value.retry_after < 60
        assert held.batcher.stats()["refused"] == 1
        held.go.set()
        assert [future.result(timeout=10) for future in futures] == list(range(4))


def test_a_bound_in_cost() -> None:
    with Held(batch_size=2, cost=lambda item: item, max_cost=100) as held:
        kept = held.batcher.submit(70)
        with pytest.raises(mb.FullError):
            held.batcher.submit(31)
        assert held.batcher.stats()["cost"] == 70
        assert kept.cancel()
        assert held.batcher.stats()["cost"] == 0
        assert not held.batcher.submit(31).done()


def test_a_cancelled_item_leaves_its_room_at_once() -> None:
    with Held(batch_size=2, capacity=3) as held:
        futures = [held.batcher.submit(item) for item in (1, 2)]
        with pytest.raises(mb.FullError):
            held.batcher.submit(3)
        assert futures[0].cancel()
        assert not held.batcher.submit(3).done()


def test_callers_wait_for_room_in_order() -> None:
    async def main() -> list[int]:
        answered: list[int] = []

        async def work(items: list[int]) -> list[int]:
            await asyncio.sleep(0.001)
            return items

        async def caller(batcher: mb.Batcher[int, int], item: int) -> None:
            answered.append(await batcher(item))

        async with mb.Batcher(work, batch_size=2, capacity=2, on_full="wait") as batcher:
            await asyncio.gather(*(caller(batcher, item) for item in range(20)))
        return answered

    assert asyncio.run(main()) == list(range(20))


def test_a_thread_waits_for_room() -> None:
    with mb.Batcher(lambda items: items, batch_size=2, capacity=2, on_full="wait") as batcher:
        futures = [batcher.submit(item) for item in range(100)]
        assert [future.result(timeout=10) for future in futures] == list(range(100))


def test_the_oldest_is_dropped() -> None:
    with Held(batch_size=2, capacity=3, on_full="drop_oldest") as held:
        futures = [held.batcher.submit(item) for item in range(1, 5)]
        for dropped in futures[:2]:
            with pytest.raises(mb.FullError):
                dropped.result(timeout=10)
        held.go.set()
        assert [future.result(timeout=10) for future in futures[2:]] == [3, 4]
    assert list(chain(*held.batches)) == [0, 3, 4]


def test_an_expired_item_is_never_computed() -> None:
    with Held(batch_size=2) as held:
        late, stays = held.batcher.submit(1, ttl=0.02), held.batcher.submit(2, ttl=60)
        with pytest.raises(mb.ExpiredError):
            late.result(timeout=10)
        held.go.set()
        assert stays.result(timeout=10) == 2
        assert isinstance(late.exception(), TimeoutError)
        assert held.batcher.stats()["expired"] == 1
    assert list(chain(*held.batches)) == [0, 2]


def test_an_item_expires_while_the_worker_is_busy() -> None:
    """Its caller is told when the time is over, not when the worker comes back."""
    with Held(batch_size=2, ttl=0.05) as held:
        began = time.monotonic()
        with pytest.raises(mb.ExpiredError):
            held.batcher.submit(1).result(timeout=10)
        assert time.monotonic() - began < 5
        assert not held.go.is_set()


def test_priorities_order_what_waits() -> None:
    with Held(batch_size=1, ageing=1.0, length=lambda _: 10) as held:
        later = [held.batcher.submit(item, priority=1) for item in (1, 2)]
        urgent = held.batcher.submit(3)
        held.go.set()
        for future in (*later, urgent):
            future.result(timeout=10)
    assert held.batches == [[0], [3], [1], [2]]


def test_a_priority_needs_ageing() -> None:
    with (
        mb.Batcher(lambda items: items) as batcher,
        pytest.raises(ValueError, match="priority"),
    ):
        batcher.submit(1, priority=1)


def test_a_length_for_one_call() -> None:
    with mb.Batcher(lambda items: items, length=lambda item: item) as batcher:
        assert batcher.submit(3, length=5, cost=7).result(timeout=10) == 3
        with pytest.raises(ValueError, match="length"):
            batcher.submit(3, length=-5)
