"""Futures in event loops: whatever asyncio does with futures and coroutines."""

from __future__ import annotations

import asyncio
import contextvars
import threading
from collections.abc import Callable, Coroutine
from typing import Any

import pytest
from tests.batcher.inboxes import SOON, Served

from multibin._core import Future, Turn

DEBUG = pytest.mark.parametrize("debug", [False, True])


@pytest.fixture
def served() -> Served:
    return Served()


def fails(error: BaseException) -> Callable[[Any], BaseException]:
    return lambda _: error


def run(work: Coroutine[Any, Any, Any], debug: bool = False) -> Any:
    return asyncio.run(asyncio.wait_for(work, SOON), debug=debug)


@DEBUG
@pytest.mark.parametrize("value", [None, 1, (), (1, 2), ValueError, [ValueError("as a value")]])
def test_awaiting_returns_the_value(served: Served, value: object, debug: bool) -> None:
    async def work() -> None:
        for submit in [served.submit, served.call]:
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
        assert list(await asyncio.gather(served.submit("a"), served.call("b"))) == ["a", "b"]
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
            tasks = [group.create_task(served.call(text)) for text in "ab"]
        assert [task.result() for task in tasks] == ["a", "b"]
        task = asyncio.create_task(served.call("c"))
        await asyncio.sleep(0)
        assert "coro" in repr(task)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert served.limit.items == 0

    run(work(), debug)
    call = served.call("d")
    served.serve_soon()
    assert asyncio.run(call, debug=debug) == "d"


def test_a_call_is_driven_like_a_coroutine(served: Served) -> None:
    call = served.call("a")
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
    future, results = served.submit("a"), list[Any]()
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

        def counts(*given: Any, **options: Any) -> Any:
            calls.append(given[0])
            return call_soon(*given, **options)

        loop.call_soon = counts  # type: ignore[method-assign, assignment]
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
        first, second, calls = served.submit("a"), served.submit("b"), list[Any]()

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
