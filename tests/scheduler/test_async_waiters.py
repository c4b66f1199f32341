"""Many waiters in loops and threads: one that leaves loses nothing, and there are few wake-ups."""

from __future__ import annotations

import asyncio
import signal
import threading
import time
from collections import Counter
from typing import Any, Literal

import pytest
from tests.scheduler.taking import take
from tests.scheduler.waiting import EDGES, SOON, in_thread, take_soon, until_waiting

import multibin as mb


class CountingLoop(asyncio.SelectorEventLoop):
    """Counts the wake-ups from other threads."""

    woken = 0

    def call_soon_threadsafe(self, *args: Any, **kwargs: Any) -> asyncio.Handle:  # type: ignore[override]
        self.woken += 1
        return super().call_soon_threadsafe(*args, **kwargs)


@pytest.mark.parametrize("notified", [False, True])
def test_a_cancelled_waiter_loses_nothing(notified: bool) -> None:
    s = mb.Scheduler(EDGES, 2)
    worker = s.worker()

    async def run() -> None:
        first = asyncio.create_task(worker.next_batch_async())
        await until_waiting(first)
        second = asyncio.create_task(take_soon(worker))
        await until_waiting(second)
        if notified:
            s.submit(7, 3)
        first.cancel()
        with pytest.raises(asyncio.CancelledError):
            await first
        if not notified:
            s.submit(7, 3)
        assert (await second).keys.tolist() == [7]

    asyncio.run(run())


def test_a_cancelled_waiter_passes_its_wake_up_to_a_thread() -> None:
    s = mb.Scheduler(EDGES, 2)
    taken: list[int] = []

    async def run() -> None:
        waiter = asyncio.create_task(s.worker().next_batch_async())
        await until_waiting(waiter)
        thread = in_thread(lambda: taken.extend(take(s.worker(), SOON).keys.tolist()))
        await asyncio.sleep(0.05)
        s.submit(7, 3)
        waiter.cancel()
        await asyncio.to_thread(thread.join)

    asyncio.run(run())
    assert taken == [7]


@pytest.mark.filterwarnings("ignore:.*never awaited:RuntimeWarning")
@pytest.mark.parametrize("closed", [False, True])
def test_a_loop_that_runs_no_more_passes_its_wake_up_on(closed: bool) -> None:
    s = mb.Scheduler(EDGES, 2)
    taken: list[int] = []
    loop = asyncio.new_event_loop()
    waiter = loop.create_task(s.worker().next_batch_async())
    loop.run_until_complete(until_waiting(waiter))
    if closed:
        loop.close()
    thread = in_thread(lambda: taken.extend(take(s.worker(), SOON).keys.tolist()))
    time.sleep(0.05)
    s.submit(7, 3)
    thread.join()
    assert taken == [7]
    if closed:
        waiter._log_destroy_pending = False  # type: ignore[attr-defined]
        return
    s.submit(8, 3)
    with loop.run_until_complete(waiter) as batch:
        assert batch.keys.tolist() == [8]
    loop.close()


def test_timeouts_around_the_wait_lose_nothing() -> None:
    s = mb.Scheduler(EDGES, 1)
    amount = 300

    async def run() -> list[int]:
        seen: list[int] = []
        worker = s.worker()
        while len(seen) < amount:
            try:
                batch = await asyncio.wait_for(worker.next_batch_async(), 0.0005)
            except TimeoutError:
                continue
            with batch:
                seen += batch.keys.tolist()
        return seen

    def produce() -> None:
        for key in range(amount):
            s.submit(key, 3)
            time.sleep(0.0003)

    producer = in_thread(produce)
    assert sorted(asyncio.run(run())) == list(range(amount))
    producer.join()
    stats = s.stats()
    assert (stats["done"], stats["lost"]) == (amount, 0)


@pytest.mark.parametrize("fill", ["elastic", "strict"])
@pytest.mark.parametrize("cancelling", [False, True])
def test_many_loops_threads_and_producers_deliver_everything_once(
    fill: Literal["elastic", "strict"], cancelling: bool
) -> None:
    producers, each = 4, 2000
    s = mb.Scheduler(
        mb.Edges([0, 10, 20, 40]), 8, fill=fill, overrun="climb", capacity=300, max_wait=0.002
    )
    tallies: list[tuple[Counter[int], Counter[int]]] = []

    def handle(batch: mb.Batch, tally: tuple[Counter[int], Counter[int]]) -> None:
        delivered, climbed = tally
        keys, progress = batch.keys.tolist(), batch.progress.tolist()
        delivered.update(keys)
        rows = [i for i, key in enumerate(keys) if progress[i] < 20 and key % 7 == 0]
        climbed.update(keys[row] for row in rows)
        batch.resubmit(rows, [progress[row] + 10 for row in rows])
        batch.done()

    def tally() -> tuple[Counter[int], Counter[int]]:
        tallies.append((Counter(), Counter()))
        return tallies[-1]

    def sync() -> None:
        own = tally()
        for batch in s.worker():
            handle(batch, own)

    async def consume() -> None:
        own = tally()
        async for batch in s.worker():
            handle(batch, own)

    async def consume_impatiently() -> None:
        own, worker = tally(), s.worker()
        while True:
            try:
                batch = await asyncio.wait_for(worker.next_batch_async(), 0.001)
            except TimeoutError:
                continue
            except mb.ClosedError:
                return
            handle(batch, own)

    async def loop() -> None:
        one = consume_impatiently if cancelling else consume
        await asyncio.gather(one(), one(), consume())

    def produce(first: int) -> None:
        for key in range(first, first + each):
            while True:
                try:
                    s.submit(key, key % 50)
                    break
                except mb.FullError:
                    time.sleep(0.0001)

    workers = [in_thread(sync), *(in_thread(lambda: asyncio.run(loop())) for _ in range(2))]
    started = [in_thread(lambda p=p: produce(p * each)) for p in range(producers)]  # type: ignore[misc]
    for thread in started:
        thread.join()
    s.close()
    for thread in workers:
        thread.join()
    delivered = sum((delivered for delivered, _ in tallies), Counter[int]())
    climbed = sum((climbed for _, climbed in tallies), Counter[int]())
    assert delivered == Counter(range(producers * each)) + climbed
    stats = s.stats()
    assert (stats["waiting"], stats["leased"], stats["lost"]) == (0, 0, 0)


def test_a_loop_is_woken_once_a_batch() -> None:
    """Wakes the loop once a batch from another thread, and never from the thread of the loop."""
    batch_size, rounds = 8, 50
    s = mb.Scheduler(EDGES, batch_size, fill="strict")
    taken = threading.Semaphore(0)
    counts: list[int] = []

    async def run() -> None:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, CountingLoop)
        before = loop.woken
        async for batch in s.worker():
            with batch:
                assert len(batch) == batch_size
                taken.release()
        counts.append(loop.woken - before)

    def produce() -> None:
        for _ in range(rounds):
            for key in range(batch_size):
                s.submit(key, 3)
            taken.acquire()
        s.close()

    producer = in_thread(produce)
    with asyncio.Runner(loop_factory=CountingLoop) as runner:
        runner.run(run())
    producer.join()
    batches = s.stats()["batches"]
    assert isinstance(batches, dict)
    assert batches["full"] == rounds
    assert 0 < counts[0] <= rounds + 1, "and once to end"


def test_requests_from_the_loop_itself_wake_it_without_a_system_call() -> None:
    s = mb.Scheduler(EDGES, 8)

    async def run() -> None:
        loop, worker = asyncio.get_running_loop(), s.worker()
        assert isinstance(loop, CountingLoop)
        for _ in range(20):
            waiter = asyncio.create_task(take_soon(worker))
            await until_waiting(waiter)
            before = loop.woken
            for key in range(8):
                s.submit(key, 3)
            assert len(await waiter) == 8
            assert loop.woken == before

    with asyncio.Runner(loop_factory=CountingLoop) as runner:
        runner.run(run())


def test_waiting_costs_no_processor_time() -> None:
    s = mb.Scheduler(EDGES, 8, max_wait=0.01)

    async def run() -> float:
        worker = s.worker()
        waiters = [asyncio.create_task(worker.next_batch_async()) for _ in range(8)]
        await until_waiting(waiters[-1])
        start = time.process_time()
        await asyncio.sleep(0.3)
        spent = time.process_time() - start
        for waiter in waiters:
            waiter.cancel()
        await asyncio.gather(*waiters, return_exceptions=True)
        return spent

    assert asyncio.run(run()) < 0.03


@pytest.mark.thread_unsafe(reason="signals go to the main thread")
def test_ctrl_c_that_meets_a_wake_up_is_raised_and_the_loop_woken() -> None:
    interrupts = [KeyboardInterrupt]

    class Interrupted(asyncio.SelectorEventLoop):
        def call_soon_threadsafe(self, *args: Any, **kwargs: Any) -> asyncio.Handle:  # type: ignore[override]
            if interrupts:
                raise interrupts.pop()
            return super().call_soon_threadsafe(*args, **kwargs)

    s = mb.Scheduler(EDGES, 2)
    taken: list[int] = []

    async def consume() -> None:
        async for batch in s.worker():
            with batch:
                taken.extend(batch.keys.tolist())

    def run() -> None:
        with asyncio.Runner(loop_factory=Interrupted) as runner:
            runner.run(consume())

    def submit() -> None:
        s.submit(7, 3)
        time.sleep(1)

    consumer = in_thread(run)
    time.sleep(0.5)
    # Tests that run in the background ignore Ctrl-C.
    handler = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with pytest.raises(KeyboardInterrupt):
            submit()
    finally:
        signal.signal(signal.SIGINT, handler)
        s.close()
        consumer.join()
    assert taken == [7]
