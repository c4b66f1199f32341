"""Four producers and three workers: every accepted request is delivered once per entry."""

from __future__ import annotations

import threading
from collections import Counter
from typing import Literal

import numpy as np
import pytest

import multibin as mb

PRODUCERS, WORKERS, EACH = 4, 3, 3000


def produce(scheduler: mb.Scheduler, producer: int) -> None:
    rng = np.random.default_rng(producer)
    keys = np.arange(producer * EACH, (producer + 1) * EACH, dtype=np.uint64)
    while len(keys):
        block = keys[: int(rng.integers(1, 40))]
        lengths = rng.integers(0, 50, len(block))
        try:
            if len(block) % 2:
                scheduler.submit_many(block, lengths)
                accepted = len(block)
            else:
                scheduler.submit(block[0], lengths[0])
                accepted = 1
        except mb.FullError as full:
            accepted = full.accepted
        keys = keys[accepted:]


def work(scheduler: mb.Scheduler, delivered: Counter[int], expected: Counter[int]) -> None:
    with scheduler.worker() as worker:
        for batch in worker:
            with batch:
                keys, progress = batch.keys.tolist(), batch.progress.tolist()
                delivered.update(keys)
                rows = [i for i, key in enumerate(keys) if progress[i] < 20 and key % 7 == 0]
                expected.update(keys[row] for row in rows)
                batch.resubmit(rows, [progress[row] + 10 for row in rows])


@pytest.mark.parametrize("fill", ["elastic", "strict"])
@pytest.mark.parametrize("capacity", [200, 65_536])
def test_exactly_once(fill: Literal["elastic", "strict"], capacity: int) -> None:
    scheduler = mb.Scheduler(
        mb.Edges([0, 10, 20, 40]),
        8,
        fill=fill,
        overrun="climb",
        capacity=capacity,
        max_wait=0.001,  # strict alone may fill its capacity with partial bins
    )
    delivered = [Counter[int]() for _ in range(WORKERS)]
    expected = [Counter[int](range(PRODUCERS * EACH))] + [Counter[int]() for _ in range(WORKERS)]
    producers = [
        threading.Thread(target=produce, args=(scheduler, producer))
        for producer in range(PRODUCERS)
    ]
    workers = [
        threading.Thread(target=work, args=(scheduler, delivered[i], expected[i + 1]))
        for i in range(WORKERS)
    ]
    for thread in [*workers, *producers]:
        thread.start()
    for thread in producers:
        thread.join()
    scheduler.close()
    for thread in workers:
        thread.join()
    assert sum(delivered, Counter[int]()) == sum(expected, Counter[int]())
    stats = scheduler.stats()
    assert (stats["waiting"], stats["leased"], stats["lost"]) == (0, 0, 0)
    assert stats["done"] == PRODUCERS * EACH
