"""Room in an inbox: refusals, the line, and requests that are dropped."""

from __future__ import annotations

import asyncio
import threading

import pytest
from tests.batcher.inboxes import SOON, Served

import multibin as mb
from multibin._core import Inbox, Limit
from multibin.errors import ExpiredError


def test_raise_says_how_many_and_when() -> None:
    served = Served(2, when_full=lambda: 1.5)
    served.submit("a")
    served.submit("b")
    with pytest.raises(mb.FullError, match="at capacity: 2 requests wait or run") as full:
        served.submit("c")
    assert (full.value.depth, full.value.retry_after) == (2, 1.5)
    assert (full.value.accepted, full.value.first) == (0, None)
    served.serve()
    assert not served.submit("c").done()


def test_max_cost_bounds_the_sum() -> None:
    served = Served(max_cost=10)
    served.submit("a" * 6)
    with pytest.raises(mb.FullError) as full:
        served.submit("b" * 5)
    assert full.value.retry_after is None
    served.submit("c" * 4)
    assert served.limit.cost == 10


def test_two_inboxes_share_a_limit() -> None:
    first, limit = Served(), Limit(1)
    scheduler = mb.Scheduler(mb.Edges([0, 16]), 8)
    one = Inbox(first.scheduler, limit, on_full="wait")
    other = Inbox(scheduler, limit)
    holds = other.submit("a")

    async def work() -> None:
        waits = one.submit("b")
        assert (limit.in_line, first.waiting()) == (1, 0)
        with pytest.raises(mb.FullError):
            other.submit("c")
        holds.cancel()
        assert (limit.in_line, first.waiting()) == (0, 1)
        waits.cancel()

    asyncio.run(work())
    assert limit.items == 0


def test_futures_of_a_loop_wait_for_room_in_line() -> None:
    served = Served(1, on_full="wait", batch_size=1)

    async def work() -> None:
        first, second, third = (served.submit(text) for text in "abc")
        assert (served.limit.items, served.limit.in_line, served.waiting()) == (1, 2, 1)
        assert not second.running()
        assert second._state == "PENDING"
        served.serve()
        assert (served.limit.items, served.limit.in_line) == (1, 1)
        later = served.submit("d")
        assert third.cancel()
        assert served.limit.in_line == 1
        for _ in range(2):
            served.serve()
        assert list(await asyncio.gather(first, second, later)) == list("abd")
        assert served.limit.items == 0

    asyncio.run(work())


def test_a_request_behind_a_big_one_waits_too() -> None:
    served = Served(max_cost=10, on_full="wait")

    async def work() -> None:
        first = served.submit("a" * 6)
        big, small = served.submit("b" * 8), served.submit("c")
        assert served.limit.in_line == 2
        first.cancel()
        assert (served.limit.in_line, served.limit.cost) == (0, 9)
        assert (big.done(), small.done()) == (False, False)

    asyncio.run(work())


def test_a_request_in_line_expires() -> None:
    served = Served(1, on_full="wait")

    async def work() -> None:
        holds, by_call, by_room = served.submit("a"), served.submit("b", ttl=0), None
        assert served.inbox.expire() == 1
        assert isinstance(by_call.exception(), ExpiredError)
        by_room, lives = served.submit("c", ttl=0.01), served.submit("d", ttl=100)
        await asyncio.sleep(0.02)
        holds.cancel()
        assert isinstance(by_room.exception(), ExpiredError)
        assert (served.limit.items, served.limit.in_line, lives.done()) == (1, 0, False)

    asyncio.run(work())


def test_fail_waiting_empties_the_line() -> None:
    served = Served(1, on_full="wait")

    async def work() -> None:
        futures = [served.submit(text) for text in "abc"]
        assert served.inbox.fail_waiting(mb.ClosedError("over")) == 3
        assert all(isinstance(future.exception(), mb.ClosedError) for future in futures)
        assert (served.limit.items, served.limit.in_line) == (0, 0)
        served.scheduler.close()
        with pytest.raises(mb.ClosedError):
            served.submit("d")

    asyncio.run(work())


def test_a_full_and_closed_inbox_refuses() -> None:
    served = Served(1, on_full="wait")
    served.submit("a")
    served.scheduler.close()
    with pytest.raises(mb.ClosedError):
        served.submit("b")
    assert served.limit.in_line == 0


def test_a_thread_waits_for_room() -> None:
    served = Served(1, on_full="wait")
    first = served.submit("a")
    with pytest.raises(mb.FullError) as full:
        served.submit("b", timeout=0.01)
    assert full.value.depth == 1
    assert (served.limit.items, served.limit.in_line) == (1, 0)
    server = served.serve_soon()
    second = served.submit("b", timeout=SOON)
    server.join()
    served.serve()
    assert (first.result(), second.result()) == ("a", "b")


def test_a_thread_in_line_learns_of_the_end() -> None:
    served = Served(1, on_full="wait")
    served.submit("a")
    over = mb.ClosedError("over")
    threading.Timer(0.05, served.inbox.fail_waiting, [over]).start()
    future = served.submit("b", timeout=SOON)
    with pytest.raises(mb.ClosedError, match="over"):
        future.result(SOON)


def test_drop_oldest_fails_the_oldest_that_waits() -> None:
    served = Served(3, on_full="drop_oldest", when_full=lambda: 2)
    runs = served.submit("a")
    rows = served.take()
    second, third, fourth = (served.submit(text) for text in "bcd")
    with pytest.raises(mb.FullError) as full:
        second.result()
    assert (full.value.depth, full.value.retry_after) == (3, 2)
    assert (runs.running(), third.done(), served.limit.items) == (True, False, 3)
    rows.answer([1])
    served.serve()
    assert [third.result(), fourth.result()] == ["c", "d"]


def test_drop_oldest_refuses_where_all_run() -> None:
    served = Served(1, on_full="drop_oldest")
    served.submit("a")
    rows = served.take()
    with pytest.raises(mb.FullError):
        served.submit("b")
    rows.answer([1])


def test_drop_oldest_makes_room_by_cost_and_forgets_what_is_over() -> None:
    served = Served(1000, 10, on_full="drop_oldest", batch_size=1)
    for _ in range(500):
        served.submit("a")
        served.serve()
    futures = [served.submit("a" * 4), served.submit("b" * 4), served.submit("c" * 10)]
    assert [future.done() for future in futures] == [True, True, False]
    assert served.limit.cost == 10
