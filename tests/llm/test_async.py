"""AsyncLLM on a runner that echoes: what tasks see, and what frees slots."""

from __future__ import annotations

import asyncio
import gc
import os
import threading
import time
import weakref
from collections.abc import Callable, Iterator
from contextlib import aclosing, suppress
from typing import Any

import pytest
from tests.llm.echo import EchoRunner

from multibin.errors import ClosedError, ExpiredError, FullError, WorkerError
from multibin.llm import AsyncLLM, RequestOutput, SamplingParams
from multibin.llm._load.tiny import ByteTokenizer, tiny_model

SOON = 30
"""Seconds after which a test counts as hanging."""


def params(tokens: int, **others: Any) -> SamplingParams:
    return SamplingParams(max_tokens=tokens, **others)


@pytest.fixture
def runner() -> EchoRunner:
    return EchoRunner()


@pytest.fixture
def make(runner: EchoRunner, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., AsyncLLM]]:
    """Makes engines on the runner that echoes."""
    monkeypatch.setattr(AsyncLLM, "_runner", runner.makes())
    made: list[weakref.ref[AsyncLLM]] = []

    def make(**options: Any) -> AsyncLLM:
        llm = AsyncLLM(tiny_model(), ByteTokenizer(), **options)
        made.append(weakref.ref(llm))
        return llm

    yield make
    runner.gate.set()
    for reference in made:
        if (llm := reference()) is not None:
            llm._service.stop(ClosedError("the test is over"))
            llm._service.join(SOON)


def run(coroutine: Any) -> Any:
    async def main() -> Any:
        async with asyncio.timeout(SOON):
            return await coroutine

    return asyncio.run(main())


async def collect(stream: Any) -> list[RequestOutput]:
    return [output async for output in stream]


async def text(stream: Any) -> str:
    return "".join([output.outputs[0].text async for output in stream])


async def until(condition: Callable[[], object]) -> None:
    while not condition():
        await asyncio.sleep(0.001)


def slowly(runner: EchoRunner) -> None:
    """Lets each step take a little time."""
    runner.before = lambda: time.sleep(0.001)


def test_deltas_are_the_text_and_the_tokens(make: Callable[..., AsyncLLM]) -> None:
    async def main() -> None:
        async with make() as llm:
            outputs = await collect(llm.generate("né😀", params(20)))
            whole = [await collect(llm.generate("né😀", params(20), output_kind="final"))]
        assert "".join(one.outputs[0].text for one in outputs) == "né😀né😀né\ufffd"
        assert sum([one.outputs[0].token_ids for one in outputs], []) == [*"né😀".encode() * 3][:20]
        assert not any("\ufffd" in one.outputs[0].text for one in outputs[:-1])
        assert [one.finished for one in outputs] == [False] * (len(outputs) - 1) + [True]
        assert outputs[-1].outputs[0].finish_reason == "length"
        assert [one.outputs[0].finish_reason for one in outputs[:-1]] == [None] * (len(outputs) - 1)
        [[final]] = whole
        assert final.outputs[0].text == "".join(one.outputs[0].text for one in outputs)
        assert final.finished

    run(main())


def test_cumulative_outputs_have_all_so_far(
    make: Callable[..., AsyncLLM], runner: EchoRunner
) -> None:
    slowly(runner)

    async def main() -> None:
        async with make() as llm:
            outputs = await collect(llm.generate("ab", params(6), output_kind="cumulative"))
        texts = [one.outputs[0].text for one in outputs]
        assert texts[-1] == "ababab"
        assert all(
            after.startswith(before) for before, after in zip(texts, texts[1:], strict=False)
        )
        assert outputs[-1].outputs[0].token_ids == [*b"ababab"]

    run(main())


def test_nothing_is_shown_that_a_stop_string_cuts(
    make: Callable[..., AsyncLLM], runner: EchoRunner
) -> None:
    slowly(runner)

    async def main() -> None:
        async with make() as llm:
            outputs = await collect(llm.generate("one END", params(40, stop=["END"])))
        assert "".join(one.outputs[0].text for one in outputs) == "one "
        assert outputs[-1].outputs[0].stop_reason == "END"

    run(main())


def test_several_continuations_come_in_one_output(make: Callable[..., AsyncLLM]) -> None:
    async def main() -> None:
        async with make() as llm:
            outputs = await collect(llm.generate("abc", params(5, n=3)))
        texts = ["", "", ""]
        for output in outputs:
            for one in output.outputs:
                texts[one.index] += one.text
        assert texts == ["abcab"] * 3
        assert [output.finished for output in outputs][-1]

    run(main())


def test_requests_join_while_others_run(make: Callable[..., AsyncLLM], runner: EchoRunner) -> None:
    async def main() -> None:
        async with make() as llm:
            long = asyncio.ensure_future(text(llm.generate("long", params(400))))
            await until(lambda: runner.steps > 3)
            assert await text(llm.generate("xy", params(4))) == "xyxy"
            assert not long.done()
            assert await long == "long" * 100

    slowly(runner)
    run(main())


@pytest.mark.parametrize("how", ["cancel", "aclose", "abort", "drop"])
def test_a_request_that_is_given_up_frees_its_slot(
    make: Callable[..., AsyncLLM], runner: EchoRunner, how: str
) -> None:
    slowly(runner)

    async def read(stream: Any, into: list[RequestOutput]) -> None:
        async for output in stream:
            into.append(output)  # noqa: PERF401 the list is read meanwhile

    async def main() -> None:
        seen: list[RequestOutput] = []
        async with make() as llm:
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
    make: Callable[..., AsyncLLM], runner: EchoRunner
) -> None:
    async def main() -> None:
        async with make() as llm:
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


def test_a_full_engine_refuses(make: Callable[..., AsyncLLM], runner: EchoRunner) -> None:
    async def main() -> None:
        async with make(capacity=2) as llm:
            runner.gate.clear()
            tasks = [asyncio.ensure_future(text(llm.generate("a", params(3)))) for _ in range(2)]
            await until(lambda: runner.unfinished == 2)
            with pytest.raises(
                FullError, match="2 requests wait or run, the capacity is 2"
            ) as full:
                await text(llm.generate("b", params(3)))
            assert full.value.depth == 2
            with pytest.raises(
                ValueError, match=r"^sampling_params\.n must be at most the capacity"
            ):
                await text(llm.generate("b", params(3, n=3)))
            runner.gate.set()
            assert await asyncio.gather(*tasks) == ["aaa"] * 2
            assert await text(llm.generate("b", params(3))) == "bbb"

    run(main())


def test_a_full_engine_lets_tasks_wait_in_line(
    make: Callable[..., AsyncLLM], runner: EchoRunner
) -> None:
    async def main() -> None:
        async with make(capacity=2, on_full="wait") as llm:
            runner.gate.clear()
            streams = [text(llm.generate("ab", params(3), str(i))) for i in range(12)]
            tasks = [asyncio.ensure_future(stream) for stream in streams]
            await until(lambda: runner.unfinished == 2)
            tasks[4].cancel()
            llm.abort("5")
            with pytest.raises(ExpiredError, match="before there was room"):
                await text(llm.generate("late", ttl=0.01))
            runner.gate.set()
            texts = await asyncio.gather(*tasks, return_exceptions=True)
        assert isinstance(texts[4], asyncio.CancelledError)
        assert texts[5] == ""
        assert [one for i, one in enumerate(texts) if i not in (4, 5)] == ["aba"] * 10
        assert runner.most == 2
        assert runner.order == sorted(runner.order)

    run(main())


def test_a_request_that_fails_fails_alone(
    make: Callable[..., AsyncLLM], runner: EchoRunner
) -> None:
    async def main() -> None:
        async with make() as llm:
            runner.broken = {1}
            tasks = [text(llm.generate("ab", params(3))) for _ in range(3)]
            texts = await asyncio.gather(*tasks, return_exceptions=True)
        assert texts[::2] == ["aba"] * 2
        assert isinstance(texts[1], ArithmeticError)
        assert llm.stats()["finished"] == {"length": 2, "error": 1}

    run(main())


def test_a_request_whose_ttl_is_over_raises(make: Callable[..., AsyncLLM]) -> None:
    async def main() -> None:
        async with make() as llm:
            with pytest.raises(ExpiredError, match="waited longer than its ttl"):
                await text(llm.generate("ab", params(3), ttl=0))
            assert llm.stats()["finished"] == {"expired": 1}

    run(main())


def test_a_thread_that_dies_fails_every_task(
    make: Callable[..., AsyncLLM], runner: EchoRunner, caplog: pytest.LogCaptureFixture
) -> None:
    def die() -> None:
        if runner.steps == 5:
            raise SystemExit("no more")

    runner.before = die

    async def main() -> None:
        llm = make(capacity=6, on_full="wait")
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


def test_several_event_loops_share_an_engine(
    make: Callable[..., AsyncLLM], runner: EchoRunner
) -> None:
    slowly(runner)
    llm = make()
    found: dict[int, list[str]] = {}

    async def several(number: int) -> list[str]:
        prompt = "ab" * (number + 1)
        return await asyncio.gather(*(text(llm.generate(prompt, params(30))) for _ in range(5)))

    def serve(number: int) -> None:
        found[number] = run(several(number))

    threads = [threading.Thread(target=serve, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(SOON)
    assert found == {number: ["ab" * 15] * 5 for number in range(4)}
    run(llm.aclose())


def test_a_loop_that_is_closed_gives_its_requests_up(
    make: Callable[..., AsyncLLM], runner: EchoRunner
) -> None:
    slowly(runner)
    llm = make()
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


def test_a_loop_is_called_once_a_step(
    make: Callable[..., AsyncLLM], runner: EchoRunner, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = []

    async def main() -> None:
        loop = asyncio.get_running_loop()
        plain = loop.call_soon_threadsafe

        def counted(*arguments: Any, **others: Any) -> Any:
            calls.append(threading.current_thread().name)
            return plain(*arguments, **others)

        monkeypatch.setattr(loop, "call_soon_threadsafe", counted)
        async with make(batch_size=4) as llm:
            await asyncio.gather(*(text(llm.generate("ab", params(20))) for _ in range(4)))

    run(main())
    assert 0 < calls.count("multibin-engine") <= runner.steps + 1


def test_drain_lets_requests_end_and_accepts_no_more(
    make: Callable[..., AsyncLLM], runner: EchoRunner
) -> None:
    slowly(runner)

    async def main() -> None:
        llm = make()
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
    make: Callable[..., AsyncLLM], runner: EchoRunner
) -> None:
    slowly(runner)

    async def main() -> None:
        llm = make(capacity=5, on_full="wait")
        tasks = [asyncio.ensure_future(text(llm.generate("ab", params(900)))) for _ in range(7)]
        await until(lambda: runner.steps)
        await llm.aclose(timeout=0.01)
        errors = await asyncio.gather(*tasks, return_exceptions=True)
        assert all(isinstance(error, ClosedError) for error in errors)
        assert runner.unfinished == 0
        assert not runner.inside

    run(main())


def test_an_engine_that_never_ran_closes(make: Callable[..., AsyncLLM]) -> None:
    async def main() -> None:
        llm = make()
        await llm.drain()
        await llm.aclose()
        with pytest.raises(ClosedError):
            await text(llm.generate("ab"))

    run(main())


def test_an_error_in_the_block_ends_what_runs(
    make: Callable[..., AsyncLLM], runner: EchoRunner
) -> None:
    slowly(runner)

    async def main() -> None:
        async with make() as llm, aclosing(llm.generate("ab", params(900))) as stream:
            await anext(stream)
            raise KeyError("the block's own")

    with pytest.raises(KeyError):
        run(main())
    assert runner.steps < 900
    assert not runner.inside


def test_a_dropped_engine_ends_its_thread(make: Callable[..., AsyncLLM]) -> None:
    llm = make()
    assert run(text(llm.generate("ab", params(3)))) == "aba"
    thread = llm._service._thread
    assert thread is not None
    del llm
    gc.collect()
    thread.join(SOON)
    assert not thread.is_alive()


def test_names_are_those_of_running_requests(
    make: Callable[..., AsyncLLM], runner: EchoRunner
) -> None:
    async def main() -> None:
        async with make() as llm:
            runner.gate.clear()
            task = asyncio.ensure_future(collect(llm.generate("ab", params(3), "mine")))
            await until(lambda: runner.unfinished)
            with pytest.raises(ValueError, match="^request_id must be one that does not run yet"):
                await text(llm.generate("ab", params(3), "mine"))
            runner.gate.set()
            assert {output.request_id for output in await task} == {"mine"}

    run(main())


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"prompt": ""}, "prompts[0] must be non-empty"),
        ({"length": -1}, "length must be at least 0, got -1"),
        ({"ttl": -1}, "ttl must be at least 0, got -1"),
        ({"priority": -1}, "priority must be at least 0, got -1"),
        ({"output_kind": "all"}, "output_kind must be one of 'delta', 'cumulative', 'final'"),
    ],
)
def test_bad_arguments_are_refused(
    make: Callable[..., AsyncLLM], arguments: dict[str, Any], message: str
) -> None:
    async def main() -> None:
        async with make() as llm:
            with pytest.raises(ValueError, match=".") as refused:
                await text(llm.generate(**{"prompt": "ab", **arguments}))
            assert message in str(refused.value)
            with pytest.raises(TypeError, match="^request_id must be a str or None, got 3$"):
                await text(llm.generate("ab", request_id=3))  # type: ignore[arg-type]

    run(main())


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_forked_child_is_refused(make: Callable[..., AsyncLLM]) -> None:
    llm = make()
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
