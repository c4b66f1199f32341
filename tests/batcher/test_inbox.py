"""The inbox: room, batches, expiry, climbing, and what ends a request."""

from __future__ import annotations

import asyncio
import gc
import threading
import time
from typing import Any

import pytest
from tests.batcher.inboxes import SOON, Served

import multibin as mb
from multibin._core import Inbox, Limit, Rows
from multibin.errors import ExpiredError, WorkerError


@pytest.fixture
def served() -> Served:
    return Served()


# Arguments.


def test_lengths_and_costs() -> None:
    served = Served(length=len, cost=lambda item: 10 * len(item))
    served.submit("abc")
    served.submit("abc", length=20)
    served.submit("abc", cost=1)
    assert (served.limit.items, served.limit.cost) == (3, 61)
    rows = served.take()
    assert sorted(rows.lengths) == [3, 3, 20]
    assert rows.longest == 20
    rows.answer([1, 2, 3])
    assert (served.limit.items, served.limit.cost) == (0, 0)


def test_without_a_length_function_the_length_is_one() -> None:
    served = Served(length=None)
    served.submit(object())
    assert served.limit.cost == 1
    assert served.take().lengths == [1]


@pytest.mark.parametrize(
    ("length", "error", "message"),
    [
        (lambda _: -1, ValueError, "length must be between 0 and 4294967295, got -1"),
        (lambda _: "long", TypeError, "length must be a number, got 'long'"),
        (lambda _: None, TypeError, "length must be a number, got None"),
        (lambda item: item.missing, AttributeError, "missing"),
    ],
)
def test_a_length_that_is_none_reaches_the_caller(
    length: Any, error: type[Exception], message: str
) -> None:
    served = Served(length=length)
    with pytest.raises(error, match=message):
        served.submit("abc")
    assert (served.limit.items, served.waiting()) == (0, 0)
    assert not served.submit("abc", length=1).done()


def test_wrong_arguments() -> None:
    served = Served(max_cost=100)
    for given, message in [
        ({"length": -1}, "length must be between"),
        ({"cost": -1}, "cost must be between"),
        ({"ttl": -1}, "ttl must be at least 0, got -1"),
        ({"timeout": -1}, "timeout must be at least 0, got -1"),
        ({"priority": -1}, "priority must be at least 0, got -1"),
        ({"cost": 101}, "cost must be at most max_cost = 100, got 101"),
    ]:
        with pytest.raises(ValueError, match=message):
            served.submit("abc", **given)
    with pytest.raises(ValueError, match="capacity must be at least 1, got 0"):
        Limit(0)
    with pytest.raises(ValueError, match="max_cost must be at least 1, got -1"):
        Limit(1, -1)
    with pytest.raises(ValueError, match="on_full must be one of 'raise', 'wait', 'drop_oldest'"):
        Inbox(served.scheduler, served.limit, on_full="panic")  # type: ignore[arg-type]
    assert served.limit.items == 0


def test_a_request_that_the_scheduler_refuses_leaves_nothing() -> None:
    scheduler, limit = mb.Scheduler(mb.Edges([0, 16]), 1, capacity=1), Limit(5)
    inbox = Inbox(scheduler, limit)
    with pytest.raises(ValueError, match="priority must be 0 without ageing, got 1"):
        inbox.submit("a", priority=1)
    inbox.submit("a")
    with pytest.raises(mb.FullError):
        inbox.submit("b")
    assert limit.items == 1
    scheduler.close()
    with pytest.raises(mb.ClosedError):
        inbox.submit("c")
    assert limit.items == 1


def test_priorities_are_the_schedulers() -> None:
    served = Served(batch_size=1)
    for priority in [5, 0]:
        served.submit(str(priority), priority=priority)
    assert [served.take().items for _ in range(2)] == [["0"], ["5"]]


# Answers.


def test_an_exception_among_the_results_fails_its_caller_alone(served: Served) -> None:
    futures = [served.submit(text) for text in "abc"]
    assert served.take().answer([1, ValueError("b"), 3]) == []
    assert [futures[0].result(), futures[2].result()] == [1, 3]
    with pytest.raises(ValueError, match="b"):
        futures[1].result()
    assert str(futures[1].exception()) == "b"


def test_rows_are_answered_piece_by_piece(served: Served) -> None:
    futures = [served.submit(text) for text in "abcd"]
    rows = served.take()
    assert rows.items == list("abcd")
    assert rows.answer([1], start=1) == []
    assert [future.done() for future in futures] == [False, True, False, False]
    assert (rows.open, len(rows), served.limit.items) == (3, 4, 3)
    assert rows.fail(KeyError("b"), 0, 2) == 1
    assert rows.answer([5, 6, 7, 8]) == [], "those that are answered stay"
    assert [future.result() for future in futures[1:]] == [1, 7, 8]
    assert isinstance(futures[0].exception(), KeyError)
    assert (rows.open, rows.items, served.limit.items) == (0, [], 0)


def test_wrong_answers_are_refused(served: Served) -> None:
    future = served.submit("a")
    rows = served.take()
    with pytest.raises(ValueError, match="one value for each of 1 rows, got 2"):
        rows.answer([1, 2])
    with pytest.raises(ValueError, match="one value for each of 0 rows, got 1"):
        rows.answer([1], start=5)
    with pytest.raises(TypeError, match="error must be an exception, got 'text'"):
        rows.fail("text")
    with pytest.raises(TypeError, match="error must be an exception"):
        served.inbox.fail_waiting(ValueError)
    with pytest.raises(IndexError):
        rows.fail(ValueError(), 2)
    assert future.running()
    rows.answer([1])


def test_rows_that_are_dropped_fail(served: Served) -> None:
    futures = [served.submit(text) for text in "ab"]
    rows = served.take()
    rows.answer([1])
    del rows
    gc.collect()
    assert futures[0].result() == 1
    assert isinstance(futures[1].exception(), WorkerError)
    assert served.limit.items == 0


def test_a_second_take_finds_nothing(served: Served) -> None:
    future = served.submit("a")
    with served.batch() as batch:
        first, second = served.inbox.take(batch), served.inbox.take(batch)
    assert (len(first), len(second)) == (1, 0)
    first.answer([1])
    assert future.result() == 1


def test_fail_waiting_spares_what_runs(served: Served) -> None:
    runs = served.submit("a")
    rows = served.take()
    waits = [served.submit(text) for text in "bc"]
    assert served.inbox.fail_waiting(mb.ClosedError("over")) == 2
    for future in waits:
        with pytest.raises(mb.ClosedError, match="over"):
            future.result()
    assert (served.waiting(), served.limit.items) == (0, 1)
    rows.answer([1])
    assert runs.result() == 1
    assert served.inbox.fail_waiting(mb.ClosedError("over")) == 0


# Expiry.


def test_an_expired_request_fails_and_is_not_in_the_batch() -> None:
    served = Served(ttl=0)
    expired, waits = served.submit("a"), served.submit("b", ttl=100)
    rows = served.take()
    assert rows.items == ["b"]
    with pytest.raises(ExpiredError, match="ttl"):
        expired.result()
    with pytest.raises(TimeoutError):
        expired.result()
    rows.answer([1])
    assert waits.result() == 1
    assert served.limit.items == 0


def test_expire_reports_without_a_batch(served: Served) -> None:
    expired = served.submit("a", ttl=0)
    assert served.inbox.expire() == 1
    assert isinstance(expired.exception(), ExpiredError)
    assert (served.inbox.expire(), served.limit.items) == (0, 0)


# Climbing.


class Unfinished:
    """Is a result that is none yet."""

    def __init__(self, state: Any) -> None:
        self.state = state


def test_unfinished_rows_climb_with_their_state() -> None:
    served = Served(climb=True)
    futures = [served.submit(text) for text in "abc"]
    with served.batch() as batch:
        rows = served.inbox.take(batch)
        results = [1, Unfinished("b+"), Unfinished("c+")]
        assert rows.answer(results, unfinished=Unfinished) == [1, 2]
        assert futures[0].result() == 1
        assert futures[2].cancel()
        rows.resume(batch, [1, 2], ["b+", "c+"], [batch.limit, batch.limit])  # type: ignore[list-item]
        assert rows.open == 0
    assert not futures[1].running()
    assert (served.limit.items, served.waiting()) == (1, 1)
    with served.batch() as batch:
        again = served.inbox.take(batch)
        assert (again.items, batch.bin, batch.progress.tolist()) == (["b+"], 1, [16])
        assert futures[1].running()
        again.answer([2])
    assert futures[1].result() == 2
    assert served.limit.items == 0


def test_a_climber_is_cancelled_like_any_other() -> None:
    served = Served(climb=True)
    future = served.submit("a")
    with served.batch() as batch:
        served.inbox.take(batch).resume(batch, [0], ["a+"], [16])
    assert future.cancel()
    assert (served.limit.items, served.waiting()) == (0, 0)


def test_rows_that_are_not_resumed_stay() -> None:
    served = Served(climb=True)
    future = served.submit("a")
    with served.batch() as batch:
        rows = served.inbox.take(batch)
        with pytest.raises(ValueError, match="one value for each of 1 indices, got 0"):
            rows.resume(batch, [0], [], [16])
        with pytest.raises(IndexError):
            rows.resume(batch, [1], ["a+"], [16])
    with pytest.raises(RuntimeError, match="the batch is done"):
        rows.resume(batch, [0], ["a+"], [16])
    assert future.running()
    rows.answer([1])
    assert (future.result(), served.limit.items) == (1, 0)


# Turns.


def test_wait_turn_waits_for_the_loops_of_other_threads() -> None:
    served, seen = Served(), list[str]()

    async def caller() -> None:
        await served.submit("a")
        time.sleep(0.05)
        seen.append("called")

    thread = threading.Thread(target=lambda: asyncio.run(caller()))
    thread.start()
    rows = served.take()
    while served.waiting() or not rows.items:
        pass
    time.sleep(0.02)
    rows.answer(["a"])
    assert not rows.wait_turn(0)
    assert rows.wait_turn(SOON)
    assert seen == ["called"]
    thread.join()
    with pytest.raises(ValueError, match="timeout must be at least 0"):
        rows.wait_turn(-1)


def test_wait_turn_does_not_wait_for_the_own_or_a_closed_loop() -> None:
    served = Served()

    async def adds() -> Rows:
        future = served.submit("a")
        future.add_done_callback(print)
        return served.take()

    rows = asyncio.run(adds())
    rows.answer([1])
    assert rows.wait_turn(SOON)

    async def work() -> None:
        task = asyncio.ensure_future(served.call("a"))
        task.add_done_callback(lambda _: None)
        rows = served.take()
        rows.answer([1])
        assert rows.wait_turn(SOON)
        assert await task == 1

    asyncio.run(work())
