"""The scheduler in pure Python, on the stream of ``test_scheduler.py``: the baseline."""

from __future__ import annotations

import pytest
from benches import pure
from benches.test_scheduler import BATCH, BINS, KEYS, LENGTHS, MANY
from pytest_benchmark.fixture import BenchmarkFixture

import multibin as mb


def scheduler(bins: int = BINS) -> pure.Scheduler:
    return pure.Scheduler(mb.Edges.quantile(LENGTHS, bins).bounds.tolist(), BATCH)


@pytest.mark.parametrize(
    ("bins", "reasons"), [(2, {"full", "light_load"}), (16, {"elastic", "light_load"})]
)
def test_its_batches_are_those_of_the_rules(bins: int, reasons: set[str]) -> None:
    """Compares as many requests as leave before one is bypassed too often."""
    theirs = scheduler(bins)
    ours = mb.Scheduler(mb.Edges.quantile(LENGTHS, bins), BATCH, order="oldest")
    worker = ours.worker()
    for key, length in enumerate(LENGTHS[:150].tolist()):
        theirs.submit(key, length)
        ours.submit(key, length)
    seen = set()
    while theirs.waiting:
        rows = theirs.next_batch(0)
        with worker.next_batch(0) as batch:
            seen.add(batch.reason)
            assert sorted(row.key for row in rows) == sorted(batch.keys.tolist())
        theirs.done(rows)
    assert (ours.stats()["waiting"], theirs.leased) == (0, 0)
    assert seen == reasons


@pytest.mark.parametrize("waiting", range(47, 54))
def test_its_light_load_is_that_of_the_rules(waiting: int) -> None:
    """The rule holds for fewer than 1.6 batches, here up to 51 requests."""
    theirs = scheduler()
    ours = mb.Scheduler(mb.Edges.quantile(LENGTHS, BINS), BATCH, order="oldest")
    for key, length in enumerate(LENGTHS[:waiting].tolist()):
        theirs.submit(key, length)
        ours.submit(key, length)
    rows = theirs.next_batch(0)
    with ours.worker().next_batch(0) as batch:
        assert sorted(row.key for row in rows) == sorted(batch.keys.tolist())
        assert (batch.reason == "light_load") == (waiting <= 51)


@pytest.mark.benchmark(group="one by one, 32 requests")
@pytest.mark.parametrize("waiting", [0, 1024])
def test_pure_submit_and_take(benchmark: BenchmarkFixture, waiting: int) -> None:
    s = scheduler()
    for key, length in enumerate(LENGTHS[:waiting].tolist()):
        s.submit(key, length)
    lengths = LENGTHS[:BATCH].tolist()

    def submit_and_take() -> None:
        submit = s.submit
        for key, length in enumerate(lengths):
            submit(key, length)
        rows = s.next_batch(0)
        _ = [row.key for row in rows]
        s.done(rows)

    benchmark(submit_and_take)


@pytest.mark.benchmark(group="in bulk, 4,096 requests")
def test_pure_submit_and_take_all(benchmark: BenchmarkFixture) -> None:
    s = scheduler()
    keys, lengths = KEYS.tolist(), LENGTHS.tolist()

    def submit_and_take() -> None:
        submit = s.submit
        for key, length in zip(keys, lengths, strict=True):
            submit(key, length)
        for _ in range(MANY // BATCH):
            rows = s.next_batch(0)
            _ = [row.key for row in rows], [row.length for row in rows]
            s.done(rows)

    benchmark(submit_and_take)
    assert s.waiting == 0
