"""Futures: for threads and event loops alike, in every state."""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextvars
import gc
import logging
import pickle
import threading
import traceback
import weakref
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from multibin._core import Call, Future, Turn
from tests.batcher.inboxes import SOON, Served

DEBUG = pytest.mark.parametrize("debug", [False, True])


@pytest.fixture
def served() -> Served:
    return Served()


def fails(error: BaseException) -> Callable[[Any], BaseException]:
    return lambda _: error


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
    future, results = served.submit("a"), []
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
    future, calls = served.submit("a"), []

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
    future.add_done_callback(lambda future: calls.append("at once"))
    assert calls == ["a", "at once"]


def test_callbacks_can_be_removed(served: Served) -> None:
    future, calls = served.submit("a"), []
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
    error = futures[0].exception()
    assert len(traceback.extract_tb(error.__traceback__)) == depth


# Cancellation, in each state.


def test_cancelling_before_a_batch_frees_the_room(served: Served) -> None:
    future, calls = served.submit("abc"), []
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


# Event loops.


def run(work: Coroutine[Any, Any, Any], debug: bool = False) -> Any:
    return asyncio.run(asyncio.wait_for(work, SOON), debug=debug)


@DEBUG
@pytest.mark.parametrize("value", [None, 1, (), (1, 2), ValueError, [ValueError("as a value")]])
def test_awaiting_returns_the_value(served: Served, value: object, debug: bool) -> None:
    async def work() -> None:
        for submit in [served.submit, served.inbox.call]:
            future = submit("a")
            asyncio.get_running_loop().call_soon(served.serve, lambda _: value)
            assert await future is value
            assert await future is value, "it is done"

    run(work(), debug)


def test_no_result_blocks_a_loop(served: Served) -> None:
    async def work() -> None:
        future = served.submit("a")
        for wait in [future.result, future.exception]:
            with pytest.raises(asyncio.InvalidStateError):
                wait()
        future.cancel("why")
        for wait in [future.result, future.exception]:
            with pytest.raises(asyncio.CancelledError, match="why"):
                wait()

    run(work())


@DEBUG
def test_a_batch_of_another_thread_wakes_the_loop(served: Served, debug: bool) -> None:
    async def work() -> None:
        server = served.serve_soon(str.upper)
        assert await asyncio.gather(*(served.submit(text) for text in "abc")) == list("ABC")
        server.join()

    run(work(), debug)


@DEBUG
def test_gather_wait_shield_and_the_others(served: Served, debug: bool) -> None:
    async def work() -> None:
        def soon() -> None:
            asyncio.get_running_loop().call_later(0.01, served.serve)

        soon()
        assert await asyncio.gather(served.submit("a"), served.inbox.call("b")) == ["a", "b"]
        futures = [served.submit("c"), served.submit("d")]
        soon()
        assert await asyncio.wait(futures) == (set(futures), set())
        soon()
        assert await asyncio.shield(served.submit("e")) == "e"
        soon()
        assert await asyncio.wait_for(served.submit("f"), SOON) == "f"
        soon()
        async with asyncio.timeout(SOON):
            assert await served.submit("g") == "g"
        futures = [served.submit("h"), served.submit("i")]
        soon()
        assert {await one for one in asyncio.as_completed(futures)} == {"h", "i"}
        future = served.submit("j")
        assert asyncio.wrap_future(future) is future
        assert asyncio.ensure_future(future) is future
        soon()
        assert await future == "j"

    run(work(), debug)


@DEBUG
def test_the_future_of_a_call_is_a_coroutine(served: Served, debug: bool) -> None:
    async def work() -> None:
        asyncio.get_running_loop().call_later(0.01, served.serve)
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(served.inbox.call(text)) for text in "ab"]
        assert [task.result() for task in tasks] == ["a", "b"]
        task = asyncio.create_task(served.inbox.call("c"))
        await asyncio.sleep(0)
        assert "coro" in repr(task)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert served.limit.items == 0

    run(work(), debug)
    call = served.inbox.call("d")
    served.serve_soon()
    assert asyncio.run(call, debug=debug) == "d"


def test_a_call_is_driven_like_a_coroutine(served: Served) -> None:
    call = served.inbox.call("a")
    assert isinstance(call, Future)
    assert asyncio.iscoroutine(call)
    assert not asyncio.iscoroutine(served.submit("b"))
    assert call.send(None) is call
    with pytest.raises(ValueError, match="thrown"):
        call.throw(ValueError("thrown"))
    with pytest.raises(ValueError, match="thrown"):
        call.throw(ValueError, ValueError("thrown"), None)
    with pytest.raises(KeyError):
        call.throw(KeyError)
    call.close()
    served.serve()
    with pytest.raises(StopIteration) as stopped:
        call.send(None)
    assert stopped.value.value == "a"


@DEBUG
def test_errors_reach_the_awaiting_task(served: Served, debug: bool) -> None:
    async def work(error: BaseException) -> None:
        asyncio.get_running_loop().call_later(0.01, served.serve, fails(error))
        first, second = served.submit("a"), served.submit("b")
        for future in [first, second]:
            with pytest.raises(type(error), match="one for all"):
                await future

    run(work(ValueError("one for all")), debug)
    run(work(BaseException("one for all")), debug)


def test_a_stop_iteration_becomes_an_error_that_can_be_raised(served: Served) -> None:
    async def work() -> None:
        asyncio.get_running_loop().call_soon(served.serve, fails(StopIteration(1)))
        with pytest.raises(RuntimeError, match="StopIteration") as raised:
            await served.submit("a")
        assert isinstance(raised.value.__cause__, StopIteration)

    run(work())


@DEBUG
def test_cancelling_the_awaiting_task_cancels_the_request(served: Served, debug: bool) -> None:
    async def work() -> None:
        async def awaits() -> None:
            await served.submit("a")

        task, other = asyncio.create_task(awaits()), served.submit("b")
        await asyncio.sleep(0)
        assert served.waiting() == 2
        task.cancel("message")
        with pytest.raises(asyncio.CancelledError):
            await task
        assert (served.waiting(), served.limit.items) == (1, 1)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(served.submit("c"), 0.01)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.01):
                await served.submit("d")
        assert served.waiting() == 1
        served.serve()
        assert await other == "b"

    run(work(), debug)


def test_a_shielded_request_outlives_its_task(served: Served) -> None:
    async def work() -> None:
        future = served.submit("a")

        async def awaits() -> None:
            await asyncio.shield(future)

        task = asyncio.create_task(awaits())
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        served.serve()
        assert await future == "a"

    run(work())


def test_gather_tells_of_a_cancelled_request(served: Served) -> None:
    async def work() -> None:
        first, second = served.submit("a"), served.submit("b")
        gathered = asyncio.gather(first, second)
        first.cancel()
        with pytest.raises(asyncio.CancelledError):
            await gathered
        gathered = asyncio.gather(first, second, return_exceptions=True)
        served.serve()
        cancelled, result = await gathered
        assert isinstance(cancelled, asyncio.CancelledError)
        assert result == "b"

    run(work())


def test_tasks_of_two_loops_await_one_future(served: Served) -> None:
    future, results = served.submit("a"), []
    begun = threading.Barrier(3)

    async def work() -> None:
        task = asyncio.create_task(awaits())
        await asyncio.sleep(0)
        begun.wait(SOON)
        await task

    async def awaits() -> None:
        results.append((await future, threading.get_ident()))

    threads = [threading.Thread(target=run, args=[work()]) for _ in range(2)]
    for thread in threads:
        thread.start()
    begun.wait(SOON)
    served.serve()
    for thread in threads:
        thread.join()
    assert {result for result, _ in results} == {"a"}
    assert {ident for _, ident in results} == {thread.ident for thread in threads}


def test_several_tasks_await_one_future(served: Served) -> None:
    async def work() -> None:
        future = served.submit("a")

        async def awaits() -> Any:
            return await future

        tasks = [asyncio.create_task(awaits()) for _ in range(5)]
        await asyncio.sleep(0)
        served.serve()
        assert await asyncio.gather(*tasks) == ["a"] * 5

    run(work())


def test_one_call_of_the_loop_answers_a_batch(served: Served) -> None:
    async def work() -> None:
        loop = asyncio.get_running_loop()
        tasks = [asyncio.create_task(awaits(text)) for text in "abcdef"]
        await asyncio.sleep(0)
        calls: list[Any] = []
        call_soon = loop.call_soon
        loop.call_soon = lambda *given, **options: (  # type: ignore[method-assign]
            calls.append(given[0]),
            call_soon(*given, **options),
        )[1]
        served.serve()
        assert len(calls) == 1
        assert isinstance(calls[0].__self__, Turn)
        del loop.call_soon
        assert await asyncio.gather(*tasks) == list("abcdef")

    async def awaits(text: str) -> Any:
        return await served.submit(text)

    run(work())


def test_callbacks_run_in_their_context(served: Served) -> None:
    variable = contextvars.ContextVar("variable", default="none")

    async def work() -> None:
        seen: list[str] = []

        def sees(_: Any) -> None:
            seen.append(variable.get())

        future = served.submit("a")
        variable.set("added")
        future.add_done_callback(sees)
        given = contextvars.copy_context()
        given.run(variable.set, "given")
        future.add_done_callback(sees, context=given)
        variable.set("later")
        served.serve()
        assert seen == [], "in the next turn of the loop"
        await asyncio.sleep(0)
        assert seen == ["added", "given"]
        future.add_done_callback(sees)
        assert len(seen) == 2
        await asyncio.sleep(0)
        assert seen[2] == "later"

    run(work())


def test_an_error_of_a_callback_goes_to_the_loop_and_stops_no_other(served: Served) -> None:
    async def work() -> None:
        contexts: list[dict[str, Any]] = []
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(lambda _, context: contexts.append(context))
        first, second, calls = served.submit("a"), served.submit("b"), []

        def raises(_: Any) -> None:
            raise error

        error = ValueError("callback")
        first.add_done_callback(raises)
        first.add_done_callback(calls.append)
        second.add_done_callback(calls.append)
        served.serve()
        await asyncio.sleep(0)
        assert calls == [first, second]
        assert [context["exception"] for context in contexts] == [error]
        assert contexts[0]["future"] is first

    run(work())


@pytest.mark.parametrize("error", [SystemExit, KeyboardInterrupt])
def test_an_error_that_ends_the_program_loses_no_callback(
    served: Served, error: type[BaseException]
) -> None:
    loop = asyncio.new_event_loop()
    calls: list[Any] = []

    async def work() -> list[Any]:
        first, second = served.submit("a"), served.submit("b")

        def raises(_: Any) -> None:
            raise error

        first.add_done_callback(raises)
        second.add_done_callback(calls.append)
        served.serve()
        await asyncio.sleep(0.01)
        return [second]

    task = loop.create_task(work())
    with pytest.raises(error):
        loop.run_until_complete(task)
    assert calls == []
    assert loop.run_until_complete(task) == calls
    loop.close()


def test_a_closed_loop_is_ignored(served: Served) -> None:
    async def work() -> Any:
        future = served.submit("a")
        future.add_done_callback(print)
        return future

    future = asyncio.run(work())
    served.serve()
    assert future.result() == "a"


def test_it_belongs_to_no_loop(served: Served) -> None:
    future = served.submit("a")
    with pytest.raises(RuntimeError, match="no running event loop"):
        future.get_loop()

    async def work() -> None:
        assert future.get_loop() is asyncio.get_running_loop()

    run(work())
    run(work())


# What it is.


def test_it_is_made_by_an_inbox_alone() -> None:
    for cls in [Future, Call, Turn]:
        with pytest.raises(TypeError, match="cannot create"):
            cls()
    assert str(Future[int]).endswith("Future[int]")


def test_it_cannot_be_pickled(served: Served) -> None:
    with pytest.raises(TypeError, match="pickle"):
        pickle.dumps(served.submit("a"))


class Held:
    """Is an item or a result that can be referred to weakly."""


def test_the_item_is_dropped_when_its_row_ends(served: Served) -> None:
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


def test_cycles_are_collected(served: Served) -> None:
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
