"""What a worker thread sees from Python: taking a batch, being woken for a lone request, sleeping.

Figures that are no time of a call are in ``extra_info``.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Semaphore, Thread

import numpy as np
import pytest
from benches.test_scheduler import BATCH, KEYS, LENGTHS, scheduler
from pytest_benchmark.fixture import BenchmarkFixture

import multibin as mb

ASLEEP = 0.003
"""Seconds after which an idle worker sleeps."""


@pytest.mark.benchmark(group="a batch")
def test_take_a_batch(benchmark: BenchmarkFixture) -> None:
    """``next_batch(0)`` and ``keys`` of 32 requests that wait; the clock's call is included."""
    s = scheduler()
    worker = s.worker()
    taken: list[mb.Batch] = []

    def finish() -> None:
        while taken:
            taken.pop().done()

    def submit() -> None:
        finish()
        s.submit_many(KEYS[:BATCH], LENGTHS[:BATCH])

    def take() -> None:
        batch = worker.next_batch(0)
        _ = batch.keys
        taken.append(batch)

    benchmark.pedantic(take, setup=submit, rounds=20_000, warmup_rounds=1000)
    assert len(taken[0]) == BATCH
    finish()


@contextmanager
def working(s: mb.Scheduler, delivered: list[int], ready: Semaphore) -> Iterator[Thread]:
    """A worker thread that notes when it got each batch, in nanoseconds."""

    def work() -> None:
        with s.worker() as worker:
            for batch in worker:
                with batch:
                    delivered.append(time.perf_counter_ns())
                    ready.release()

    thread = Thread(target=work)
    thread.start()
    try:
        yield thread
    finally:
        s.close()
        thread.join()


@pytest.mark.benchmark(group="a lone request")
def test_lone_request_on_an_idle_worker(benchmark: BenchmarkFixture) -> None:
    """From before ``submit`` to the return from ``next_batch``; the submitter waits meanwhile."""
    s = scheduler()
    submitted: list[int] = []
    delivered: list[int] = []
    ready = Semaphore(0)

    def submit() -> None:
        submitted.append(time.perf_counter_ns())
        s.submit(0, 100)
        ready.acquire()

    with working(s, delivered, ready):
        benchmark.pedantic(submit, setup=lambda: time.sleep(ASLEEP), rounds=500, warmup_rounds=20)
    assert len(delivered) == len(submitted) == 520
    took = np.subtract(delivered, submitted)[20:] / 1e3
    benchmark.extra_info["p50 µs"] = float(np.median(took))
    benchmark.extra_info["p99 µs"] = float(np.quantile(took, 0.99))


@pytest.mark.benchmark(group="a sleeping worker")
def test_sleeping_worker(benchmark: BenchmarkFixture) -> None:
    """How much of a processor a worker uses that sleeps in ``next_batch``."""
    s = scheduler()
    ready = Semaphore(0)
    with working(s, [], ready) as thread:
        s.submit(0, 100)
        ready.acquire()
        time.sleep(ASLEEP)
        assert thread.ident is not None
        clock = time.pthread_getcpuclockid(thread.ident)
        before = time.clock_gettime_ns(clock), time.perf_counter_ns()
        benchmark.pedantic(time.sleep, (0.2,), rounds=5)
        used = time.clock_gettime_ns(clock) - before[0]
        benchmark.extra_info["CPU %"] = 100 * used / (time.perf_counter_ns() - before[1])
