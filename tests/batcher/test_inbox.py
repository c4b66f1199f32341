"""The inbox: room, batches, expiry, climbing, and what ends a request."""

from __future__ import annotations

import asyncio
import gc
import subprocess
import sys
import threading
import time
from typing import Any

import pytest

import multibin as mb
from multibin._core import Call, Caller, Inbox, Limit, Rows
from multibin.errors import ExpiredError, WorkerError
from tests.batcher.inboxes import SOON, Served


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
            served.submit("abc", **given)  # type: ignore[arg-type]
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


# Room.


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
        assert await asyncio.gather(first, second, later) == list("abd")
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
        task = asyncio.ensure_future(served.inbox.call("a"))
        task.add_done_callback(lambda _: None)
        rows = served.take()
        rows.answer([1])
        assert rows.wait_turn(SOON)
        assert await task == 1

    asyncio.run(work())


# The base of batchers.


class Batcher(Caller):
    """Records the calls that go to ``_start``."""

    def __init__(self, *started: Any, option: int = 0) -> None:
        self.started = list(started)

    def _start(self, item: Any, options: dict[str, Any]) -> Any:
        self.started.append((item, options))
        return "started"


def test_calls_go_to_start_until_an_inbox_is_attached(served: Served) -> None:
    batcher = Batcher(option=1)
    assert batcher("a") == "started"
    assert batcher("b", length=1, cost=2.0, priority=3, ttl=4) == "started"
    options = {"length": 1, "cost": 2.0, "priority": 3, "ttl": 4}
    assert batcher.started == [("a", {}), ("b", options)]
    batcher._attach(served.inbox)
    future = batcher("abc", length=2, cost=5, priority=1, ttl=100)
    assert type(future) is Call
    assert served.limit.cost == 5
    served.serve(str.upper)
    assert future.result() == "ABC"
    batcher._detach()
    assert batcher("c") == "started"
    with pytest.raises(TypeError):
        batcher()  # type: ignore[call-arg]
    with pytest.raises(TypeError):
        batcher("a", unknown=1)  # type: ignore[call-arg]


def test_a_batcher_is_at_home_in_one_loop(served: Served) -> None:
    batcher = Batcher()

    async def home() -> None:
        batcher._attach(served.inbox, asyncio.get_running_loop())
        future = batcher("a")
        served.serve()
        assert await future == "a"

    async def elsewhere() -> None:
        assert batcher("b") == "started"

    asyncio.run(home())
    asyncio.run(elsewhere())
    assert batcher("c") == "started"
    assert [item for item, _ in batcher.started] == ["b", "c"]


# Threads and forks.


def test_threads_and_loops_share_an_inbox() -> None:
    served = Served(64, on_full="wait")
    answered, each = [], 50

    def serve() -> None:
        for batch in served.worker:
            with batch:
                rows = served.inbox.take(batch)
                rows.answer(rows.items)

    def blocks(number: int) -> None:
        for at in range(each):
            answered.append(served.submit(f"{number}:{at}").result(SOON))

    async def awaits(number: int) -> None:
        async def caller(at: int) -> None:
            if at % 7 == 0:
                served.submit("cancelled").cancel()
            answered.append(await served.submit(f"{number}:{at}"))

        await asyncio.gather(*(caller(at) for at in range(each)))

    server = threading.Thread(target=serve)
    server.start()
    threads = [threading.Thread(target=blocks, args=[number]) for number in range(3)]
    threads += [
        threading.Thread(target=lambda number=number: asyncio.run(awaits(number)))
        for number in range(3, 5)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    served.scheduler.close()
    server.join()
    assert sorted(answered) == sorted(f"{number}:{at}" for number in range(5) for at in range(each))
    assert (served.limit.items, served.limit.cost, served.limit.in_line) == (0, 0, 0)


FORK = """
import os, sys, warnings
from multibin._core import Inbox, Limit
import multibin as mb
warnings.simplefilter("ignore", DeprecationWarning)
scheduler = mb.Scheduler(mb.Edges([0, 16]), 8)
inbox = Inbox(scheduler, Limit(8))
future, done = inbox.submit("a"), inbox.submit("b")
with scheduler.worker().next_batch(0) as batch:
    rows = inbox.take(batch)
    rows.answer([1], start=1)
waits = inbox.submit("c")
calls = [
    lambda: inbox.submit("d"), lambda: inbox.call("d"), lambda: waits.cancel(),
    lambda: inbox.take(batch), lambda: inbox.expire(), lambda: inbox.fail_waiting(ValueError()),
]
child = os.fork()
if child == 0:
    refused = 0
    for call in calls:
        try:
            call()
        except RuntimeError as error:
            refused += "fork" in str(error)
    assert refused == len(calls), refused
    assert done.result() == 1
    rows.fail(ValueError())
    os._exit(0)
assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
print("over")
"""


def test_a_forked_child_is_refused() -> None:
    command = [sys.executable, "-c", FORK]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert (done.stdout, done.returncode) == ("over\n", 0), done.stderr


EXIT = """
import asyncio, threading, time
from multibin._core import Inbox, Limit
import multibin as mb
scheduler = mb.Scheduler(mb.Edges([0, 16]), 8)
inbox = Inbox(scheduler, Limit(8))
future, running = inbox.submit("a"), inbox.submit("b")
waiter = threading.Thread(target=future.result, daemon=True)
waiter.start()
with scheduler.worker().next_batch(0) as batch:
    rows = inbox.take(batch)
later = inbox.submit("c")
later.add_done_callback(print)
"""


def test_a_program_ends_while_futures_wait() -> None:
    command = [sys.executable, "-W", "error", "-c", EXIT]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (0, "")
