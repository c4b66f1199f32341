"""The awaitables of the ``_async`` methods: awaited once, and held by the loop alone."""

from __future__ import annotations

import asyncio
import gc
import weakref
from collections.abc import Coroutine
from typing import Any

import pytest
from tests.scheduler.waiting import EDGES, SOON, in_thread, until_waiting

import multibin as mb


def test_a_second_task_that_awaits_is_refused_and_the_first_served() -> None:
    s = mb.Scheduler(EDGES, 4)

    async def run() -> None:
        wait = s.worker().next_batch_async()

        async def awaits() -> mb.Batch:
            return await wait

        first = asyncio.create_task(awaits())
        await until_waiting(first)
        for other in (awaits(), wait):
            with pytest.raises(RuntimeError, match="awaited twice"):
                await asyncio.create_task(other)
        cancelled = asyncio.create_task(wait)
        cancelled.cancel()
        with pytest.raises(asyncio.CancelledError):
            await cancelled
        assert repr(wait) == "<Worker.next_batch_async: waiting>"
        s.submit(7, 3)
        with await asyncio.wait_for(first, SOON) as batch:
            assert batch.keys.tolist() == [7]
        with pytest.raises(RuntimeError, match="awaited twice"):
            await wait

    asyncio.run(run())


@pytest.mark.thread_unsafe(reason="warnings are of the process")
def test_an_awaitable_that_is_never_awaited_is_warned_of() -> None:
    s = mb.Scheduler(EDGES, 4)
    for call in (s.worker().next_batch_async, s.drain_async):
        wait = call()
        with pytest.warns(RuntimeWarning, match=f"'.*{call.__name__}' was never awaited"):
            del wait
    closed = s.worker().next_batch_async()
    closed.close()
    del closed


def test_a_closed_awaitable_is_over() -> None:
    s = mb.Scheduler(EDGES, 4)

    async def run() -> None:
        wait = s.worker().next_batch_async()
        wait.close()
        wait.close()
        with pytest.raises(RuntimeError):
            await wait

    asyncio.run(run())


@pytest.mark.thread_unsafe(reason="collects garbage")
def test_a_task_that_only_its_loop_holds_is_served() -> None:
    s = mb.Scheduler(EDGES, 4)
    served: list[int] = []

    async def serve() -> None:
        with await s.worker().next_batch_async() as batch:
            served.extend(batch.keys.tolist())

    async def run() -> None:
        asyncio.create_task(serve())  # noqa: RUF006 that is the case
        await asyncio.sleep(0.01)
        gc.collect()
        s.submit(7, 3)
        await asyncio.sleep(0.01)

    asyncio.run(run())
    assert served == [7]


class Tag:
    """Lives as long as its frame."""


def left_behind(wait: Coroutine[Any, Any, object]) -> list[weakref.ref[Any]]:
    """Starts a task in a loop that is closed while the task waits."""
    loop = asyncio.new_event_loop()
    task = loop.create_task(wait)
    for _ in range(3):
        loop.run_until_complete(asyncio.sleep(0))
    loop.close()
    task._log_destroy_pending = False  # type: ignore[attr-defined]
    return [weakref.ref(task), weakref.ref(loop)]


@pytest.mark.thread_unsafe(reason="collects garbage")
@pytest.mark.filterwarnings("ignore:.*never awaited:RuntimeWarning")
def test_a_closed_loop_is_collected_with_its_tasks_and_their_workers() -> None:
    s = mb.Scheduler(EDGES, 2, fill="strict", overrun="climb")
    tag = Tag()
    s.submit_many([0, 1], [5, 5])

    async def climbs(_: Tag) -> None:
        with s.worker() as worker:
            with await worker.next_batch_async() as batch:
                batch.resubmit([0], [7])
            await worker.next_batch_async()

    async def drains(_: Tag) -> None:
        await s.drain_async()

    refs = left_behind(climbs(tag)) + left_behind(drains(tag)) + [weakref.ref(tag)]
    del tag
    gc.collect()
    assert [ref() for ref in refs] == [None] * len(refs)
    assert s.stats()["restarted"] == 1
    with s.worker() as worker:
        worker.next_batch(0).done()
    s.drain(SOON)


class Slotted(asyncio.SelectorEventLoop):
    """Takes no attributes."""

    def __setattr__(self, name: str, value: object) -> None:
        if name.startswith("_multibin"):
            raise AttributeError(name)
        super().__setattr__(name, value)


def test_a_loop_that_takes_no_attributes() -> None:
    s = mb.Scheduler(EDGES, 4)

    async def run() -> list[int]:
        waiter = asyncio.create_task(s.worker().next_batch_async())
        await until_waiting(waiter)
        in_thread(lambda: s.submit(7, 3)).join()
        with await asyncio.wait_for(waiter, SOON) as batch:
            return list(batch.keys.tolist())

    with asyncio.Runner(loop_factory=Slotted) as runner:
        assert runner.run(run()) == [7]


def test_a_task_shows_the_method_that_it_waits_for() -> None:
    async def run() -> None:
        waiter = asyncio.ensure_future(mb.Scheduler(EDGES, 4).worker().next_batch_async())
        await asyncio.sleep(0)
        assert "coro=<Worker.next_batch_async()>" in repr(waiter)
        waiter.cancel()

    asyncio.run(run())


def test_drain_async_ends_with_the_last_lease() -> None:
    s = mb.Scheduler(EDGES, 4)
    s.submit(7, 3)

    async def run() -> None:
        with pytest.raises(
            TimeoutError, match="not drained within the timeout: 1 waiting, 0 leased"
        ):
            await s.drain_async(0.01)
        batch = s.worker().next_batch(0)
        drained = asyncio.create_task(s.drain_async())
        await until_waiting(drained)
        in_thread(batch.done).join()
        await asyncio.wait_for(drained, SOON)
        assert s.closed

    asyncio.run(run())


def test_a_drain_that_could_not_end_is_refused() -> None:
    s = mb.Scheduler(EDGES, 2)
    s.submit_many([1, 2, 3], [3, 3, 3])

    async def run() -> None:
        with pytest.raises(RuntimeError, match=r"await drain_async\(\)"):
            s.drain(1)

    asyncio.run(run())
    worker = s.worker()
    with worker.next_batch(0) as batch:
        with pytest.raises(RuntimeError, match="with block"):
            s.drain(1)
        assert not s.closed
        other = mb.Scheduler(EDGES, 2)
        other.drain(1)
        batch.done()
        with pytest.raises(TimeoutError):
            s.drain(0.01)
    outside = worker.next_batch(0)
    with outside:
        in_thread(outside.done).join()
        s.drain(1)
