"""What a scheduler records of requests, whatever becomes of them."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from pathlib import Path
from typing import Any

import pytest

import multibin as mb
from multibin.lab.traces import read

pytestmark = pytest.mark.thread_unsafe(reason="copies of a test would share its folder")

EDGES = mb.Edges([0, 16, 64])


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def recorded(scheduler: mb.Scheduler) -> list[dict[str, Any]]:
    recording = scheduler.recording
    assert recording is not None
    recording.flush(timeout=30)
    return lines(Path(recording.path))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "requests.jsonl"


def test_without_it_nothing_is_recorded() -> None:
    assert mb.Scheduler(EDGES, 2).recording is None
    assert mb.Scheduler(EDGES, 2, record=None).recording is None


def test_finished_requests_have_their_lengths_and_times(path: Path) -> None:
    before = time.time()
    scheduler = mb.Scheduler(EDGES, 2, record=path)
    scheduler.submit_many([1, 2], [5, 9])
    time.sleep(0.01)
    with scheduler.worker().next_batch(0) as batch:
        time.sleep(0.01)
        batch.observe([6, 8], prompt_tokens=[3, 4])
    first, second = recorded(scheduler)
    assert {first["predicted_tokens"], second["predicted_tokens"]} == {5, 9}
    for row in (first, second):
        of = {5: (3, 6), 9: (4, 8)}[row["predicted_tokens"]]
        assert (row["prompt_tokens"], row["output_tokens"]) == of
        assert row["end"] == "finished"
        assert before - 0.001 <= row["arrival"] <= time.time()
        assert 0.01 <= row["wait"] <= row["latency"] - 0.01
        assert "partial_tokens" not in row


def test_rows_that_nobody_observed_have_no_length(path: Path) -> None:
    scheduler = mb.Scheduler(EDGES, 3, record=path)
    scheduler.submit_many([1, 2, 3], [5, 6, 7])
    with scheduler.worker().next_batch(0) as batch:
        rows = batch.lengths.tolist()
        batch.observe([12], rows=[1])
    found = {row["predicted_tokens"]: row["output_tokens"] for row in recorded(scheduler)}
    assert found == {5: 0, 6: 0, 7: 0} | {rows[1]: 12}
    trace = read(path)
    assert (trace.output_tokens.tolist(), trace.dropped) == ([12], 2)


def test_each_end_has_its_word(path: Path) -> None:
    scheduler = mb.Scheduler(EDGES, 1, record=path)
    assert scheduler.cancel(scheduler.submit(1, 1))
    scheduler.submit(2, 2, ttl=0)
    scheduler.submit(3, 3)
    worker = scheduler.worker()
    with worker.next_batch(0) as batch:
        batch.observe([4])
    scheduler.submit(4, 4)
    batch = worker.next_batch(0)
    batch.observe([9])
    batch.__exit__(KeyError, KeyError(), None)
    scheduler.submit(5, 5)
    with pytest.warns(ResourceWarning):
        worker.next_batch(0)
    scheduler.submit(6, 6, ttl=0)
    assert scheduler.expired()[0].tolist() == [6]
    found = {row["predicted_tokens"]: row for row in recorded(scheduler)}
    ends = {length: row["end"] for length, row in found.items()}
    assert ends == {
        1: "cancelled",
        2: "expired",
        3: "finished",
        4: "lost",
        5: "lost",
        6: "expired",
    }
    assert [found[i]["output_tokens"] for i in range(1, 7)] == [0, 0, 4, 0, 0, 0]
    assert found[4]["partial_tokens"] == 9
    assert all(row["latency"] >= 0 for row in found.values())
    assert [("wait" in found[i]) for i in range(1, 7)] == [False, False, True, True, True, False]


def test_a_climber_is_recorded_once(path: Path) -> None:
    scheduler = mb.Scheduler(EDGES, 1, overrun="climb", record=path)
    ticket = scheduler.submit(7, 5)
    worker = scheduler.worker()
    with worker.next_batch(0) as batch:
        batch.resubmit([0], [16])
    assert recorded(scheduler) == []
    with worker.next_batch(0) as batch:
        batch.observe([20])
    (row,) = recorded(scheduler)
    assert (row["output_tokens"], row["end"], "wait" in row) == (20, "finished", False)
    scheduler.submit(8, 5)
    with worker.next_batch(0) as batch:
        ticket = batch.tickets[0]
        batch.resubmit([0], [16], anywhere=True)
    assert scheduler.cancel(ticket)
    _, row = recorded(scheduler)
    assert (row["end"], row["output_tokens"], row["partial_tokens"]) == ("cancelled", 0, 16)


def test_requests_that_were_refused_leave_no_line(path: Path) -> None:
    scheduler = mb.Scheduler(EDGES, 1, capacity=1, record=path)
    scheduler.submit(1, 1)
    with pytest.raises(mb.FullError):
        scheduler.submit(2, 2)
    scheduler.worker().next_batch(0).done()
    assert [row["predicted_tokens"] for row in recorded(scheduler)] == [1]


def test_many_threads_lose_no_line(path: Path) -> None:
    scheduler = mb.Scheduler(EDGES, 8, record=path)
    each, producers = 2000, 4

    def serve() -> None:
        with scheduler.worker() as worker:
            for batch in worker:
                with batch:
                    batch.observe(batch.lengths + 1)

    def submit(start: int) -> None:
        for key in range(start, start + each):
            scheduler.submit(key, key % 64, wait=30)

    workers = [threading.Thread(target=serve) for _ in range(2)]
    threads = [threading.Thread(target=submit, args=(i * each,)) for i in range(producers)]
    for thread in workers + threads:
        thread.start()
    for thread in threads:
        thread.join()
    scheduler.drain(timeout=30)
    for thread in workers:
        thread.join()
    rows = lines(path)
    assert len(rows) == each * producers
    assert all(row["output_tokens"] == row["predicted_tokens"] + 1 for row in rows)
    assert sum(row["predicted_tokens"] for row in rows) == sum(
        key % 64 for key in range(each * producers)
    )


def test_a_drain_closes_the_file(path: Path) -> None:
    scheduler = mb.Scheduler(EDGES, 1, record=path)
    scheduler.submit(1, 1)
    scheduler.worker().next_batch(0).done()
    scheduler.drain(timeout=30)
    assert len(lines(path)) == 1
    # Nothing holds the file any more.
    again = mb.Scheduler(EDGES, 1, record=path)
    asyncio.run(again.drain_async(timeout=30))
    mb.Scheduler(EDGES, 1, record=path)


def test_a_drain_leaves_a_shared_recording_open(path: Path) -> None:
    with mb.Recording(path) as recording:
        for key in range(2):
            scheduler = mb.Scheduler(EDGES, 1, record=recording)
            assert scheduler.recording is recording
            scheduler.submit(key, 1)
            scheduler.worker().next_batch(0).done()
            scheduler.drain(timeout=30)
            assert len(lines(path)) == key + 1


def test_a_configuration_does_not_name_the_file(path: Path) -> None:
    made = mb.Scheduler(EDGES, 1, record=path)
    made.drain(timeout=30)
    assert mb.Scheduler.from_config(made.config).recording is None
    again = mb.Scheduler.from_config(made.config, record=path)
    assert again.recording is not None


def test_observe_refuses_what_it_cannot_use(path: Path) -> None:
    scheduler = mb.Scheduler(EDGES, 2, record=path)
    scheduler.submit_many([1, 2], [5, 9])
    batch = scheduler.worker().next_batch(0)
    with pytest.raises(ValueError, match="actual must have one value for each of 2 rows, got 1"):
        batch.observe([1])
    with pytest.raises(ValueError, match="prompt_tokens must have one value for each of 1 rows"):
        batch.observe([1], rows=[0], prompt_tokens=[1, 2])
    with pytest.raises(ValueError, match=r"rows\[0\] must be a position in this batch of 2"):
        batch.observe([1], rows=[2])
    with pytest.raises(ValueError, match=r"actual\[0\] must be between 0 and"):
        batch.observe([-1, 2])
    batch.done()
    with pytest.raises(RuntimeError, match="the batch is done: its rows can no longer be observed"):
        batch.observe([1, 2])


def test_observe_adapts_edges_too() -> None:
    scheduler = mb.Scheduler(
        mb.Edges([0, 1]), 100, adapt=mb.Adapt(bins=4, every=2000), capacity=4000
    )
    worker = scheduler.worker()
    for _ in range(2):
        scheduler.submit_many(range(2000), [1 + key % 50 for key in range(2000)])
        for _ in range(20):
            with worker.next_batch(0) as batch:
                batch.observe(batch.lengths)
    end = time.monotonic() + 30
    while scheduler.stats()["edges"]["fits"] == 0 and time.monotonic() < end:
        time.sleep(0.01)
    assert scheduler.stats()["edges"]["fits"] > 0
