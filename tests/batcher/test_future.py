"""Futures in threads: waits, callbacks, cancellation, and what keeps what alive."""

from __future__ import annotations

import concurrent.futures
import gc
import logging
import pickle
import threading
import traceback
import weakref
from typing import Any

import pytest
from tests.batcher.inboxes import SOON, Served

from multibin._core import Call, Future, Turn


@pytest.fixture
def served() -> Served:
    return Served()


# Threads.


def test_a_result_wakes_the_thread_that_waits(served: Served) -> None:
    future = served.submit("a")
    assert repr(future) == "<Future pending>"
    server = served.serve_soon(str.upper)
    assert future.result(SOON) == "A"
    assert future.exception() is None
    assert (future.done(), future.running(), future.cancelled()) == (True, False, False)
    server.join()


def test_many_threads_wait_for_one_future(served: Served) -> None:
    future, results = served.submit("a"), list[Any]()
    waiters = [
        threading.Thread(target=lambda: results.append(future.result(SOON))) for _ in range(8)
    ]
    for waiter in waiters:
        waiter.start()
    served.serve()
    for waiter in waiters:
        waiter.join()
    assert results == ["a"] * 8


def test_a_wait_ends_with_its_timeout(served: Served) -> None:
    future = served.submit("a")
    for wait in [future.result, future.exception]:
        with pytest.raises(TimeoutError, match="not done"):
            wait(0.01)
        with pytest.raises(ValueError, match="timeout must be at least 0, got -1"):
            wait(timeout=-1)
    served.serve()
    assert future.result(0) == "a"


def test_a_cancelled_future_raises_the_error_of_concurrent_futures(served: Served) -> None:
    future = served.submit("a")
    assert future.cancel()
    for wait in [future.result, future.exception]:
        with pytest.raises(concurrent.futures.CancelledError):
            wait()
    assert repr(future) == "<Future cancelled>"


def test_a_thread_that_waits_learns_of_a_cancellation(served: Served) -> None:
    future = served.submit("a")
    threading.Timer(0.05, future.cancel).start()
    with pytest.raises(concurrent.futures.CancelledError):
        future.result(SOON)


def test_wait_of_concurrent_futures(served: Served) -> None:
    futures = [served.submit(text) for text in "abc"]
    server = served.serve_soon()
    done, left = concurrent.futures.wait(futures, SOON)
    assert (done, left) == (set(futures), set())
    server.join()
    later = served.submit("d")
    done, left = concurrent.futures.wait([*futures, later], 0.01)
    assert (done, left) == (set(futures), {later})
    threading.Timer(0.05, later.cancel).start()
    done, left = concurrent.futures.wait([later], SOON)
    assert done == {later}


def test_wait_of_concurrent_futures_ends_with_the_first_error(served: Served) -> None:
    first, second = served.submit("a"), served.submit("b" * 40)
    threading.Timer(0.05, lambda: served.take().answer([ValueError("a"), 1])).start()
    when = concurrent.futures.FIRST_EXCEPTION
    done, _ = concurrent.futures.wait([first, second], SOON, return_when=when)
    assert first in done


def test_as_completed_of_concurrent_futures(served: Served) -> None:
    futures = [served.submit(text) for text in "abc"]
    served.serve()
    futures += [served.submit(text) for text in "def"]
    server = served.serve_soon()
    results = [future.result() for future in concurrent.futures.as_completed(futures, SOON)]
    assert sorted(results) == list("abcdef")
    server.join()


def test_callbacks_of_threads_run_where_the_future_ends(
    served: Served, caplog: pytest.LogCaptureFixture
) -> None:
    future, calls = served.submit("a"), list[Any]()

    def raises(_: Any) -> None:
        raise ValueError("callback")

    def exits(_: Any) -> None:
        raise SystemExit

    for callback in [raises, exits, lambda future: calls.append(future.result())]:
        future.add_done_callback(callback)
    with caplog.at_level(logging.ERROR, "multibin"):
        served.serve()
    assert calls == ["a"]
    assert len(caplog.records) == 2
    future.add_done_callback(lambda _: calls.append("at once"))
    assert calls == ["a", "at once"]


def test_callbacks_can_be_removed(served: Served) -> None:
    future, calls = served.submit("a"), list[Any]()
    future.add_done_callback(calls.append)
    future.add_done_callback(print)
    future.add_done_callback(calls.append)
    assert future.remove_done_callback(calls.append) == 2
    assert future.remove_done_callback(calls.append) == 0
    assert future.remove_done_callback(print) == 1
    served.serve()
    assert calls == []


def test_callbacks_run_in_the_order_in_which_they_were_added(served: Served) -> None:
    future, calls = served.submit("a"), list[int]()
    for number in range(5):
        future.add_done_callback(lambda _, number=number: calls.append(number))
    served.serve()
    assert calls == list(range(5))


def test_one_exception_for_many_callers_keeps_its_traceback(served: Served) -> None:
    futures = [served.submit(text) for text in "abc"]
    try:
        raise ValueError("model")
    except ValueError as error:
        served.take().fail(error)
        depth = len(traceback.extract_tb(error.__traceback__))
    for _ in range(5):
        for future in futures:
            with pytest.raises(ValueError, match="model") as raised:
                future.result()
            # One frame for the test's call, and those of when it was set.
            assert len(traceback.extract_tb(raised.tb)) <= depth + 1
    again = futures[0].exception()
    assert again is not None
    assert len(traceback.extract_tb(again.__traceback__)) == depth


# Cancellation, in each state.


def test_cancelling_before_a_batch_frees_the_room(served: Served) -> None:
    future, calls = served.submit("abc"), list[Any]()
    future.add_done_callback(calls.append)
    assert (served.limit.items, served.limit.cost, served.waiting()) == (1, 3, 1)
    assert future.cancel("message")
    assert (served.limit.items, served.limit.cost, served.waiting()) == (0, 0, 0)
    assert calls == [future]
    assert not future.cancel()
    assert future._cancel_message == "message"


def test_cancelling_a_running_request_discards_its_result(served: Served) -> None:
    future = served.submit("a")
    rows = served.take()
    assert future.running()
    assert not future.done()
    assert future.cancel()
    assert served.limit.items == 1, "it still runs"
    rows.answer(["late"])
    assert future.cancelled()
    assert served.limit.items == 0


def test_cancelling_between_the_batch_and_take_leaves_the_row_out(served: Served) -> None:
    futures = [served.submit(text) for text in "abc"]
    with served.batch() as batch:
        assert futures[1].cancel()
        assert served.limit.items == 3
        rows = served.inbox.take(batch)
    assert (rows.items, rows.positions, len(rows)) == (["a", "c"], [0, 2], 2)
    assert served.limit.items == 2
    rows.answer([1, 2])
    assert [futures[0].result(), futures[2].result()] == [1, 2]


def test_a_done_future_is_not_cancelled(served: Served) -> None:
    future = served.submit("a")
    served.serve()
    assert not future.cancel()
    assert future.result() == "a"


# What it is.


def test_it_is_made_by_an_inbox_alone() -> None:
    for cls in [Future, Call, Turn]:
        with pytest.raises(TypeError, match="cannot create"):
            cls()
    assert str(Future.__class_getitem__(int)).endswith("Future[int]")


def test_it_cannot_be_pickled(served: Served) -> None:
    with pytest.raises(TypeError, match="pickle"):
        pickle.dumps(served.submit("a"))


class Held:
    """Is an item or a result that can be referred to weakly."""


def test_the_item_is_dropped_when_its_row_ends() -> None:
    served = Served(length=lambda _: 1)

    def submit() -> tuple[Any, weakref.ref[Held]]:
        item = Held()
        return served.submit(item), weakref.ref(item)

    cancelled, item = submit()
    cancelled.cancel()
    assert item() is None
    answered, item = submit()
    served.serve(lambda _: 1)
    assert item() is None
    failed, item = submit()
    served.take().fail(ValueError())
    assert item() is None
    expired, item = submit()
    served.inbox.fail_waiting(ValueError())
    assert item() is None
    running, item = submit()
    rows = served.take()
    running.cancel()
    assert item() is not None, "the function may use it"
    rows.answer([1])
    assert item() is None
    del cancelled, answered, failed, expired


def test_a_future_that_nothing_holds_is_dropped(served: Served) -> None:
    future = weakref.ref(served.submit("a"))
    assert future() is not None, "the inbox holds it"
    served.serve()
    assert future() is None


def test_cycles_are_collected() -> None:
    gc.collect()

    def cycle() -> list[weakref.ref[Any]]:
        served = Served(length=lambda _: 1)
        item, value = Held(), Held()
        waits = served.submit(item)
        item.future = waits  # type: ignore[attr-defined]
        waits.add_done_callback(lambda _: (waits, served))
        done = Served(length=lambda _: 1)
        answered = done.submit(1)
        done.serve(lambda _: value)
        value.future = answered  # type: ignore[attr-defined]
        return [weakref.ref(one) for one in [item, value, waits, answered, served.inbox]]

    kept = cycle()
    gc.collect()
    assert [one() for one in kept] == [None] * 5
