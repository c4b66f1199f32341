"""What waiting for a batch costs: an item in an event loop, a lone request on an idle worker.

`make bench` runs these and prints their ratios and quantiles (`benches/targets.py`).
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Awaitable, Callable, Coroutine

import numpy as np
import pytest
from pytest_benchmark.fixture import BenchmarkFixture

import multibin as mb

BATCH, CALLERS, EACH = 32, 256, 40
EDGES = mb.Edges([0, 32, 64, 128])
LENGTHS = (np.arange(CALLERS) % 128).tolist()
# A lone request: the pause before it lets the worker fall asleep.
REQUESTS, PAUSE = 300, 0.001

Caller = Callable[[int], Awaitable[None]]


async def callers(ask: Caller) -> None:
    """Runs all callers at once, each with its next request when it has its answer."""

    async def caller(key: int) -> None:
        for _ in range(EACH):
            await ask(key)

    await asyncio.gather(*(caller(key) for key in range(CALLERS)))


async def by_hand() -> None:
    queue: asyncio.Queue[asyncio.Future[None]] = asyncio.Queue()
    create_future = asyncio.get_running_loop().create_future

    async def serve() -> None:
        while True:
            batch = [await queue.get()]
            while len(batch) < BATCH and not queue.empty():
                batch.append(queue.get_nowait())
            for future in batch:
                future.set_result(None)

    async def ask(_: int) -> None:
        future = create_future()
        queue.put_nowait(future)
        await future

    server = asyncio.create_task(serve())
    await callers(ask)
    server.cancel()


async def by_scheduler() -> None:
    scheduler = mb.Scheduler(EDGES, BATCH)
    submit = scheduler.submit
    answers: dict[int, asyncio.Future[None]] = {}
    create_future = asyncio.get_running_loop().create_future

    async def serve() -> None:
        with scheduler.worker() as worker:
            async for batch in worker:
                with batch:
                    for key in batch.keys.tolist():
                        answers.pop(key).set_result(None)

    async def ask(key: int) -> None:
        answers[key] = future = create_future()
        submit(key, LENGTHS[key])
        await future

    server = asyncio.create_task(serve())
    await callers(ask)
    scheduler.close()
    await server


@pytest.mark.benchmark(group="asyncio, 256 in flight", min_rounds=10, warmup=True)
@pytest.mark.parametrize("serve", [by_hand, by_scheduler])
def test_asyncio(
    benchmark: BenchmarkFixture, serve: Callable[[], Coroutine[None, None, None]]
) -> None:
    benchmark.extra_info["entries"] = CALLERS * EACH
    benchmark(lambda: asyncio.run(serve()))


class Latencies:
    """Seconds from each submission to the batch in the worker's hands."""

    def __init__(self) -> None:
        self.seconds: list[float] = []
        self.submitted = 0.0
        self.answered = threading.Semaphore()
        self.scheduler = mb.Scheduler(EDGES, BATCH)

    def submit(self) -> None:
        self.submitted = time.perf_counter()
        self.scheduler.submit(1, 40)

    def taken(self, batch: mb.Batch) -> None:
        self.seconds.append(time.perf_counter() - self.submitted)
        batch.done()
        self.answered.release()

    def produce(self) -> None:
        for _ in range(REQUESTS):
            self.answered.acquire()
            time.sleep(PAUSE)
            self.submit()
        self.scheduler.close()

    async def consume(self) -> None:
        with self.scheduler.worker() as worker:
            async for batch in worker:
                self.taken(batch)


def to_thread(latencies: Latencies) -> None:
    producer = threading.Thread(target=latencies.produce)
    producer.start()
    with latencies.scheduler.worker() as worker:
        for batch in worker:
            latencies.taken(batch)
    producer.join()


def to_other_loop(latencies: Latencies) -> None:
    producer = threading.Thread(target=latencies.produce)
    producer.start()
    asyncio.run(latencies.consume())
    producer.join()


def in_one_loop(latencies: Latencies) -> None:
    async def run() -> None:
        consumer = asyncio.create_task(latencies.consume())
        for _ in range(REQUESTS):
            await asyncio.sleep(PAUSE)
            latencies.submit()
        await asyncio.sleep(PAUSE)
        latencies.scheduler.close()
        await consumer

    asyncio.run(run())


@pytest.mark.benchmark(group="a lone request on an idle worker")
@pytest.mark.parametrize("way", [to_thread, to_other_loop, in_one_loop])
def test_lone_request(benchmark: BenchmarkFixture, way: Callable[[Latencies], None]) -> None:
    latencies = Latencies()
    benchmark.extra_info["entries"] = REQUESTS
    benchmark.pedantic(way, (latencies,), rounds=1)
    assert len(latencies.seconds) == REQUESTS
    p50, p99 = (np.quantile(latencies.seconds, [0.5, 0.99]) * 1e6).tolist()
    benchmark.extra_info.update(p50=p50, p99=p99)
