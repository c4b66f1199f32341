"""`costs=`: what a batcher learns of batch times, and what it makes of it."""

from __future__ import annotations

import asyncio
import random
import time

import pytest

import multibin as mb

FLAT = mb.CostTable.of_batches([1, 32], [1, 100], [[1, 1], [1, 1]])
LINEAR = mb.CostTable.of_batches([1, 32], [1, 100], [[0.01, 1], [0.4, 40]])


async def sizes_of(batcher: mb.Batcher[int, int], sizes: list[int], callers: int = 48) -> list[int]:
    """Returns the sizes of the batches of a closed loop of callers."""

    async def caller(number: int) -> None:
        source = random.Random(number)
        for _ in range(20):
            await batcher(source.randrange(1, 100))

    async with batcher:
        await asyncio.gather(*(caller(number) for number in range(callers)))
    return sizes


def run(costs: object, seconds: object = None, **options: object) -> list[int]:
    sizes: list[int] = []

    async def work(items: list[int]) -> list[int]:
        sizes.append(len(items))
        if callable(seconds):
            await asyncio.sleep(seconds(len(items), max(items)))
        return items

    options = {"length": int, **options}
    batcher: mb.Batcher[int, int] = mb.Batcher(work, costs=costs, **options)  # type: ignore[arg-type]
    return asyncio.run(sizes_of(batcher, sizes))


def test_a_table_where_batching_pays_fills_batches() -> None:
    sizes = run(FLAT)
    assert sorted(sizes)[len(sizes) // 2] >= 24


def test_a_table_where_batching_does_not_pay_runs_items_alone() -> None:
    sizes = run(LINEAR)
    assert sorted(sizes)[len(sizes) // 2] == 1


def test_learning_that_batching_does_not_pay() -> None:
    """Each row of a batch costs more than alone: soon most items run alone."""
    sizes = run("learn", lambda rows, longest: 5e-5 * rows * longest * (1 + 0.2 * (rows - 1)))
    late = sizes[len(sizes) // 2 :]
    assert sorted(late)[len(late) // 2] <= 2


def test_learning_that_batching_pays() -> None:
    sizes = run("learn", lambda rows, longest: 3e-3 + 1e-6 * rows * longest)
    late = sizes[len(sizes) // 2 :]
    assert sorted(late)[len(late) // 2] >= 16


def test_measuring_before_the_first_batch() -> None:
    made: list[int] = []

    def make(length: int) -> int:
        made.append(length)
        return length

    def work(items: list[int]) -> list[int]:
        time.sleep(1e-4)
        return items

    with mb.Batcher(work, length=int, costs="measure", make=make, batch_size=4) as batcher:
        assert batcher.submit(5).result(timeout=60) == 5
    assert made


def test_a_measurement_that_fails_is_logged_and_serves(caplog: pytest.LogCaptureFixture) -> None:
    def make(length: int) -> int:
        raise ValueError(length)

    with mb.Batcher(lambda items: items, costs="measure", make=make, batch_size=4) as batcher:
        assert batcher.submit(5).result(timeout=10) == 5
    assert "could not be measured" in caplog.text


def test_stats_say_what_is_believed() -> None:
    async def work(items: list[int]) -> list[int]:
        await asyncio.sleep(1e-3 * len(items))
        return items

    batcher = mb.Batcher(work, length=int, batch_size=8)
    asyncio.run(sizes_of(batcher, [], callers=16))
    costs = batcher.stats()["costs"]
    assert costs
    assert all(isinstance(name, str) for name in costs)


def test_edges_follow_the_lengths_without_costs() -> None:
    with mb.Batcher(lambda items: items, length=int, costs=None, batch_size=8) as batcher:
        source = random.Random(1)
        items = [int(source.lognormvariate(4, 1)) + 1 for _ in range(6000)]
        before = batcher._runtime.lanes.all()[0].scheduler.edges
        assert list(batcher.map(items)) == items
        deadline = time.monotonic() + 10
        scheduler = batcher._runtime.lanes.all()[0].scheduler
        while scheduler.edges == before and time.monotonic() < deadline:
            list(batcher.map(items[:100]))
        assert scheduler.edges != before


def test_stats_of_a_given_table() -> None:
    async def work(items: list[int]) -> list[int]:
        return items

    batcher = mb.Batcher(work, length=int, batch_size=8, costs=FLAT)
    asyncio.run(sizes_of(batcher, [], callers=16))
    costs = batcher.stats()["costs"]
    assert costs["seconds_of_one_row"] == costs["seconds_of_full_batch"] == 1
    assert "so 8 rows pay" in costs["says"]


@pytest.mark.parametrize(
    "options", [{"bins": 1}, {"length": None}, {"edges": mb.Edges([0, 16, 101])}], ids=str
)
def test_edges_that_stay_have_the_batch_sizes_of_the_costs(options: dict[str, object]) -> None:
    sizes = run(LINEAR, lambda *_: 1e-3, **options)
    late = sizes[len(sizes) // 2 :]
    assert sorted(late)[len(late) // 2] == 1


def test_several_workers_measure_once(monkeypatch: pytest.MonkeyPatch) -> None:
    measured: list[float] = []

    def measure(*_: object, **__: object) -> mb.CostTable:
        time.sleep(0.05)
        measured.append(time.monotonic())
        return FLAT

    monkeypatch.setattr(mb.CostTable, "measure", measure)
    options = {"length": int, "make": int, "batch_size": 4, "workers": 3}
    with mb.Batcher(lambda items: items, costs="measure", **options) as batcher:  # type: ignore[arg-type]
        assert list(batcher.map(range(1, 50))) == list(range(1, 50))
    assert len(measured) == 1
