"""What a request costs from Python on one thread, each beside its baseline.

`make bench` runs these and prints their ratios (`benches/targets.py`).
"""

from __future__ import annotations

from queue import SimpleQueue

import numpy as np
import pytest
from pytest_benchmark.fixture import BenchmarkFixture

import multibin as mb

BATCH, BINS, MANY = 32, 16, 4096
LENGTHS = np.ceil(np.random.default_rng(0).lognormal(np.log(128), 1, MANY)).astype(np.int64)
KEYS = np.arange(MANY, dtype=np.uint64)


def scheduler() -> mb.Scheduler:
    return mb.Scheduler(mb.Edges.quantile(LENGTHS, BINS), BATCH)


@pytest.mark.benchmark(group="one by one, 32 requests")
def test_simple_queue(benchmark: BenchmarkFixture) -> None:
    queue: SimpleQueue[tuple[int, int]] = SimpleQueue()
    lengths = LENGTHS[:BATCH].tolist()

    def put_and_get() -> None:
        put, get = queue.put, queue.get
        for key, length in enumerate(lengths):
            put((key, length))
        for _ in range(BATCH):
            get()

    benchmark(put_and_get)


@pytest.mark.benchmark(group="one by one, 32 requests")
@pytest.mark.parametrize("waiting", [0, 1024])
def test_submit_and_take(benchmark: BenchmarkFixture, waiting: int) -> None:
    s = scheduler()
    s.submit_many(KEYS[:waiting], LENGTHS[:waiting])
    worker = s.worker()
    lengths = LENGTHS[:BATCH].tolist()

    def submit_and_take() -> None:
        submit = s.submit
        for key, length in enumerate(lengths):
            submit(key, length)
        batch = worker.next_batch(0)
        _ = batch.keys
        batch.done()

    benchmark(submit_and_take)


@pytest.mark.benchmark(group="in bulk, 4,096 requests")
def test_submit_many_and_take_all(benchmark: BenchmarkFixture) -> None:
    s = scheduler()
    worker = s.worker()

    def submit_and_take() -> None:
        s.submit_many(KEYS, LENGTHS)
        for _ in range(MANY // BATCH):
            batch = worker.next_batch(0)
            _, _ = batch.keys, batch.lengths
            batch.done()

    benchmark(submit_and_take)
    assert s.stats()["waiting"] == 0
