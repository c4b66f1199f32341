"""A batch ends by done(), by its with block, or lost with a warning; nothing else ends it."""

from __future__ import annotations

import asyncio
import gc
import logging
import weakref

import pytest
from tests.scheduler.waiting import EDGES

import multibin as mb


def full(requests: int = 6, **options: object) -> mb.Scheduler:
    s = mb.Scheduler(EDGES, 2, **options)  # type: ignore[arg-type]
    for key in range(requests):
        s.submit(key, 5)
    return s


def counts(s: mb.Scheduler) -> tuple[int, int, int]:
    stats = s.stats()
    return stats["done"], stats["lost"], stats["leased"]


def test_asking_for_the_next_batch_ends_no_other() -> None:
    s = full()
    with s.worker() as worker:
        batches = [next(worker), next(worker), worker.next_batch(0)]
        assert counts(s) == (0, 0, 6)
        for batch in batches:
            batch.done()
    assert counts(s) == (6, 0, 0)


def test_a_loop_that_is_entered_again_goes_on_with_its_worker() -> None:
    s = full(overrun="climb")
    with s.worker() as worker:
        assert iter(worker) is worker
        for batch in worker:
            with batch:
                batch.resubmit([0], [7])
            break
        s.close()
        progress = []
        for batch in worker:
            with batch:
                progress += batch.progress.tolist()
    assert sorted(progress) == [0, 0, 0, 0, 7]
    assert s.stats()["restarted"] == 0


def test_a_scheduler_hands_out_no_batches_itself() -> None:
    s = full()
    for name in ("__iter__", "__aiter__", "next_batch", "next_batch_async"):
        assert not hasattr(s, name)
    assert not hasattr(mb, "BatchIterator")


def test_the_block_of_a_worker_closes_it() -> None:
    s = full()
    with s.worker() as worker:
        pass
    with pytest.raises(mb.ClosedError):
        worker.next_batch(0)
    assert list(worker) == []


def test_async_for_is_the_same_worker_too() -> None:
    s = full()

    async def run() -> None:
        with s.worker() as worker:
            for left in (4, 2, 0):
                async for batch in worker:
                    with batch:
                        break
                assert s.stats()["waiting"] == left
            s.close()
            assert [batch async for batch in worker] == []

    asyncio.run(run())
    assert counts(s) == (6, 0, 0)


@pytest.mark.thread_unsafe(reason="warnings and logs are of the process")
def test_each_dropped_batch_is_warned_of_and_the_first_is_logged(
    caplog: pytest.LogCaptureFixture,
) -> None:
    s = full()
    with s.worker() as worker:
        for _ in range(3):
            batch = worker.next_batch(0)
            with pytest.warns(
                ResourceWarning, match='2 rows are lost; see "Leases" in docs'
            ) as said:
                del batch
            assert [warning.filename for warning in said] == [__file__]
    assert counts(s) == (0, 6, 0)
    assert [record.name for record in caplog.records] == ["multibin"]
    assert caplog.records[0].levelno == logging.WARNING
    assert 'see "Leases" in docs/reference/guarantees.md' in caplog.text


@pytest.mark.thread_unsafe(reason="warnings and logs are of the process")
def test_nothing_is_said_where_nothing_is_lost(caplog: pytest.LogCaptureFixture) -> None:
    s = full(8, overrun="climb")
    worker = s.worker()
    with worker.next_batch(0):
        pass
    with pytest.raises(ZeroDivisionError), worker.next_batch(0):
        raise ZeroDivisionError
    worker.next_batch(0).done()
    worker.next_batch(0).resubmit([0, 1], [7, 7])
    gc.collect()
    assert counts(s) == (4, 2, 0)
    assert not caplog.records


@pytest.mark.thread_unsafe(reason="logs are of the process")
def test_climbers_that_lose_their_worker_are_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    s = full(overrun="climb")
    for restarted in (1, 2):
        worker = s.worker()
        with worker.next_batch(0) as batch:
            batch.resubmit([0], [7])
        if restarted == 1:
            worker.close()
        del worker, batch
        assert s.stats()["restarted"] == restarted
    assert len(caplog.records) == 1
    assert "restart at progress 0" in caplog.text


def test_a_batch_keeps_its_worker() -> None:
    s = full(1, overrun="climb")
    batch = s.worker().next_batch(0)
    batch.resubmit([0], [7])
    assert s.stats()["restarted"] == 0
    del batch
    assert s.stats()["restarted"] == 1


def test_weak_references_and_reprs() -> None:
    s = full()
    worker = s.worker()
    batch = worker.next_batch(0)
    assert repr(s).startswith("Scheduler(bins=2, batch_size=2, capacity=65536, waiting=4, leased=2")
    assert repr(worker) == "Worker(number=0, closed=False)"
    assert repr(batch) == 'Batch(rows=2, bin=0, reason="full", limit=None, held=2)'
    batch.done()
    worker.close()
    assert "held=0" in repr(batch)
    assert "closed=True" in repr(worker)
    kept = [weakref.ref(each) for each in (s, worker, batch)]
    assert all(ref() is not None for ref in kept)
    del s, worker, batch
    assert [ref() for ref in kept] == [None] * 3
