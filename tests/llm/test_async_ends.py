"""AsyncLLM on a runner that echoes: requests that are given up or fail, and engines that end."""

from __future__ import annotations

import asyncio
import gc
import os
import threading
import time
from collections.abc import Callable
from contextlib import aclosing, suppress
from typing import Any

import pytest
from tests.llm.echo import EchoRunner
from tests.llm.tasks import SOON, params, run, slowly, text, until

from multibin.errors import ClosedError, ExpiredError, WorkerError
from multibin.llm import AsyncLLM, RequestOutput


@pytest.mark.parametrize("how", ["cancel", "aclose", "abort", "drop"])
def test_a_request_that_is_given_up_frees_its_slot(
    make_async: Callable[..., AsyncLLM], runner: EchoRunner, how: str
) -> None:
    slowly(runner)

    async def read(stream: Any, into: list[RequestOutput]) -> None:
        async for output in stream:
            into.append(output)  # noqa: PERF401 the list is read meanwhile

    async def main() -> None:
        seen: list[RequestOutput] = []
        async with make_async() as llm:
            stream = llm.generate("ab", params(900), "mine")
            if how == "aclose":
                await anext(stream)
                await stream.aclose()
            elif how == "drop":
                await anext(stream)
                del stream
                gc.collect()
            else:
                reading = asyncio.ensure_future(read(stream, seen))
                await until(lambda: seen)
                if how == "cancel":
                    reading.cancel()
                    with suppress(asyncio.CancelledError):
                        await reading
                else:
                    assert llm.abort("mine")
                    await reading
                    assert seen[-1].outputs[0].finish_reason == "abort"
            await until(lambda: not runner.unfinished)
            assert not llm.abort("mine")
            assert llm._service.room.held == 0
            # The name is free again.
            assert await text(llm.generate("c", params(2), "mine")) == "cc"
        assert runner.steps < 900

    run(main())


def test_a_request_that_waits_is_given_up_at_once(
    make_async: Callable[..., AsyncLLM], runner: EchoRunner
) -> None:
    async def main() -> None:
        async with make_async() as llm:
            runner.gate.clear()
            tasks = [
                asyncio.ensure_future(text(llm.generate("ab", params(5), str(i)))) for i in range(6)
            ]
            await until(lambda: runner.unfinished == 6)
            assert llm.abort("5")
            assert await tasks[5] == ""
            runner.gate.set()
            assert await asyncio.gather(*tasks[:5]) == ["ababa"] * 5

    run(main())


def test_a_request_that_fails_fails_alone(
    make_async: Callable[..., AsyncLLM], runner: EchoRunner
) -> None:
    async def main() -> None:
        async with make_async() as llm:
            runner.broken = {1}
            tasks = [text(llm.generate("ab", params(3))) for _ in range(3)]
            texts = await asyncio.gather(*tasks, return_exceptions=True)
        assert texts[::2] == ["aba"] * 2
        assert isinstance(texts[1], ArithmeticError)
        assert llm.stats()["finished"] == {"length": 2, "error": 1}

    run(main())


def test_a_request_whose_ttl_is_over_raises(make_async: Callable[..., AsyncLLM]) -> None:
    async def main() -> None:
        async with make_async() as llm:
            with pytest.raises(ExpiredError, match="waited longer than its ttl"):
                await text(llm.generate("ab", params(3), ttl=0))
            assert llm.stats()["finished"] == {"expired": 1}

    run(main())


def test_a_thread_that_dies_fails_every_task(
    make_async: Callable[..., AsyncLLM], runner: EchoRunner, caplog: pytest.LogCaptureFixture
) -> None:
    def die() -> None:
        if runner.steps == 5:
            raise SystemExit("no more")

    runner.before = die

    async def main() -> None:
        llm = make_async(capacity=6, on_full="wait")
        tasks = [text(llm.generate("ab", params(90))) for _ in range(9)]
        for error in await asyncio.gather(*tasks, return_exceptions=True):
            assert isinstance(error, WorkerError)
            assert isinstance(error.__cause__, SystemExit)
        with pytest.raises(WorkerError, match="no more"):
            await text(llm.generate("ab"))
        await llm.aclose()

    run(main())
    assert "the engine failed" in caplog.text
    assert runner.unfinished == 0


def test_a_loop_that_is_closed_gives_its_requests_up(
    make_async: Callable[..., AsyncLLM], runner: EchoRunner
) -> None:
    slowly(runner)
    llm = make_async()
    loop = asyncio.new_event_loop()
    stream = llm.generate("ab", params(900))
    loop.run_until_complete(anext(stream))
    loop.close()
    deadline = time.monotonic() + SOON
    while runner.unfinished:
        assert time.monotonic() < deadline
        time.sleep(0.001)
    assert runner.steps < 900
    with suppress(StopIteration):
        stream.aclose().send(None)
    run(llm.aclose())


def test_drain_lets_requests_end_and_accepts_no_more(
    make_async: Callable[..., AsyncLLM], runner: EchoRunner
) -> None:
    slowly(runner)

    async def main() -> None:
        llm = make_async()
        task = asyncio.ensure_future(text(llm.generate("ab", params(50))))
        await until(lambda: runner.steps)
        with pytest.raises(TimeoutError):
            await llm.drain(0.01)
        with pytest.raises(ClosedError):
            await text(llm.generate("ab"))
        await llm.drain()
        assert await task == "ab" * 25
        assert llm.closed
        await llm.aclose()

    run(main())


def test_closing_after_a_timeout_ends_what_runs(
    make_async: Callable[..., AsyncLLM], runner: EchoRunner
) -> None:
    slowly(runner)

    async def main() -> None:
        llm = make_async(capacity=5, on_full="wait")
        tasks = [asyncio.ensure_future(text(llm.generate("ab", params(900)))) for _ in range(7)]
        await until(lambda: runner.steps)
        await llm.aclose(timeout=0.01)
        errors = await asyncio.gather(*tasks, return_exceptions=True)
        assert all(isinstance(error, ClosedError) for error in errors)
        assert runner.unfinished == 0
        assert not runner.inside

    run(main())


@pytest.mark.parametrize("end", [AsyncLLM.drain, AsyncLLM.aclose])
def test_a_bad_timeout_closes_nothing(make_async: Callable[..., AsyncLLM], end: Any) -> None:
    async def main() -> None:
        async with make_async() as llm:
            with pytest.raises(ValueError, match=r"^timeout must be at least 0, got -1$"):
                await end(llm, -1)
            with pytest.raises(TypeError, match=r"^timeout must be a number, got 'a'$"):
                await end(llm, "a")
            assert not llm.closed

    run(main())


def test_an_engine_that_never_ran_closes(make_async: Callable[..., AsyncLLM]) -> None:
    async def main() -> None:
        llm = make_async()
        await llm.drain()
        await llm.aclose()
        with pytest.raises(ClosedError):
            await text(llm.generate("ab"))

    run(main())


def test_an_error_in_the_block_ends_what_runs(
    make_async: Callable[..., AsyncLLM], runner: EchoRunner
) -> None:
    slowly(runner)

    async def main() -> None:
        async with make_async() as llm, aclosing(llm.generate("ab", params(900))) as stream:
            await anext(stream)
            raise KeyError("the block's own")

    with pytest.raises(KeyError):
        run(main())
    assert runner.steps < 900
    assert not runner.inside


def test_a_dropped_engine_ends_its_thread(make_async: Callable[..., AsyncLLM]) -> None:
    llm = make_async()
    assert run(text(llm.generate("ab", params(3)))) == "aba"
    thread = llm._service._thread
    assert thread is not None
    del llm
    gc.collect()
    thread.join(SOON)
    assert not thread.is_alive()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_forked_child_is_refused(make_async: Callable[..., AsyncLLM]) -> None:
    llm = make_async()
    assert run(text(llm.generate("ab", params(3)))) == "aba"
    child = os.fork()
    if child == 0:
        try:
            run(text(llm.generate("ab", params(3))))
        except RuntimeError as error:
            os._exit(0 if "make another in a forked child" in str(error) else 3)
        os._exit(4)
    assert os.waitpid(child, 0)[1] == 0
    run(llm.aclose())


def test_an_engine_without_a_thread_closes(
    make_async: Callable[..., AsyncLLM], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    async def main() -> None:
        llm = make_async()
        with monkeypatch.context() as patch:
            patch.setattr(threading.Thread, "start", refuse)
            with pytest.raises(RuntimeError, match="start new thread"):
                await text(llm.generate("a", params(2)))
        assert await text(llm.generate("a", params(2))) == "aa"
        await llm.aclose()
        other = make_async()
        with monkeypatch.context() as patch:
            patch.setattr(threading.Thread, "start", refuse)
            with pytest.raises(RuntimeError, match="start new thread"):
                await text(other.generate("a", params(2)))
        await other.aclose()

    run(main())
