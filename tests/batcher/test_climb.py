"""`climb=True`: items that need another batch come back, with their age."""

from __future__ import annotations

import asyncio
import threading

import pytest

import multibin as mb

EDGES = mb.Edges([0, 8, 16, 32])


def run_to(end: dict[int, int], calls: list[tuple[list[int], int | None]]) -> object:
    """Returns a function whose items are (number, steps done)."""

    def work(
        items: list[tuple[int, int]], limit: int | None
    ) -> list[int | mb.Unfinished[tuple[int, int]]]:
        calls.append(([number for number, _ in items], limit))
        results: list[int | mb.Unfinished[tuple[int, int]]] = []
        for number, done in items:
            now = end[number] if limit is None else min(end[number], done + limit)
            finished = now == end[number]
            results.append(now if finished else mb.Unfinished((number, now), progress=now))
        return results

    return work


def test_items_climb_until_they_are_finished() -> None:
    end = {0: 3, 1: 12, 2: 40, 3: 5}
    calls: list[tuple[list[int], int | None]] = []
    work = run_to(end, calls)
    with mb.Batcher(work, length=lambda _: 0, climb=True, edges=EDGES) as batcher:  # type: ignore[arg-type, var-annotated]
        futures = [batcher.submit((number, 0)) for number in end]
        assert [future.result(timeout=10) for future in futures] == list(end.values())
        stats = batcher.stats()
    assert stats["answered"] == 4
    assert stats["failed"] == 0
    assert max(limit for _, limit in calls if limit is not None) >= 8


def test_the_state_of_a_worker_comes_back_to_that_worker() -> None:
    """With one callable a worker, an unfinished item returns to the one that has its state."""

    class Model:
        def __init__(self) -> None:
            self.states: dict[int, int] = {}

        def __call__(self, items: list[int], limit: int | None) -> list[int | mb.Unfinished[int]]:
            results: list[int | mb.Unfinished[int]] = []
            for item in items:
                done = self.states.pop(item, 0) + (limit or 100)
                if done >= 30:
                    results.append(item)
                else:
                    self.states[item] = done
                    results.append(mb.Unfinished(item, progress=done))
            return results

    models = [Model(), Model()]
    with mb.Batcher(models, length=lambda _: 0, climb=True, edges=EDGES, batch_size=4) as batcher:
        assert list(batcher.map(range(200))) == list(range(200))
    assert all(not model.states for model in models)


def test_climbing_in_asyncio() -> None:
    async def work(items: list[int], limit: int | None) -> list[int | mb.Unfinished[int]]:
        await asyncio.sleep(0)
        steps = limit or 100
        return [n if n >= 30 else mb.Unfinished(n + steps, progress=n + steps) for n in items]

    async def main() -> list[int]:
        async with mb.Batcher(work, length=int, climb=True, edges=EDGES) as batcher:
            return list(await asyncio.gather(*(batcher(0) for _ in range(20))))

    assert all(n >= 30 for n in asyncio.run(main()))


@pytest.mark.parametrize("progress", [-1, 1.5, "x"])
def test_a_progress_that_is_no_progress_fails_its_caller(progress: object) -> None:
    def work(items: list[int], _: int | None) -> list[int | mb.Unfinished[int]]:
        return [mb.Unfinished(n, progress) if n == 1 else n for n in items]  # type: ignore[arg-type]

    with mb.Batcher(work, length=int, climb=True, edges=EDGES) as batcher:
        good, bad = batcher.submit(0), batcher.submit(1)
        with pytest.raises(mb.BatchError, match=r"^Unfinished\.progress must be") as caught:
            bad.result(timeout=10)
        assert isinstance(caught.value.__cause__, ValueError | TypeError)
        assert good.result(timeout=10) == 0


def test_a_progress_that_falls_fails_its_caller_alone() -> None:
    def work(items: list[int], _: int | None) -> list[int | mb.Unfinished[int]]:
        # Item 1 says 10 steps, then 9; item 5 goes on.
        said = {1: 10, 2: 9, 5: 10, 6: 20}
        return [mb.Unfinished(n + 1, said[n]) if n in said else n for n in items]

    with mb.Batcher(work, length=int, climb=True, edges=EDGES) as batcher:
        falls, goes_on = batcher.submit(1, length=0), batcher.submit(5, length=0)
        with pytest.raises(mb.BatchError, match="at least 10, got 9"):
            falls.result(timeout=10)
        assert goes_on.result(timeout=10) == 7


def test_unfinished_without_climb_fails_its_caller() -> None:
    def work(items: list[int]) -> list[int | mb.Unfinished[int]]:
        return [mb.Unfinished(n, 1) if n == 1 else n for n in items]

    with mb.Batcher(work) as batcher:
        with pytest.raises(mb.BatchError, match="climb"):
            batcher.submit(1).result(timeout=10)
        assert batcher.submit(2).result(timeout=10) == 2


def test_a_climber_can_be_cancelled() -> None:
    again = threading.Event()

    def work(items: list[int], _: int | None) -> list[int | mb.Unfinished[int]]:
        again.wait(10)
        return [mb.Unfinished(n, progress=n) if n < 20 else n for n in [n + 1 for n in items]]

    with mb.Batcher(work, length=int, climb=True, edges=EDGES) as batcher:
        future = batcher.submit(0)
        other = batcher.submit(5)
        future.cancel()
        again.set()
        assert other.result(timeout=10) >= 20
        assert future.cancelled()
