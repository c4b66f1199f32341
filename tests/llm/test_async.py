"""AsyncLLM on a runner that echoes: what tasks see, in what order, and what is refused."""

from __future__ import annotations

import asyncio
import re
import threading
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pytest
from tests.llm.echo import EchoRunner
from tests.llm.tasks import SOON, collect, params, run, slowly, text, until

from multibin.errors import ExpiredError, FullError
from multibin.llm import AsyncLLM


def test_deltas_are_the_text_and_the_tokens(make_async: Callable[..., AsyncLLM]) -> None:
    async def main() -> None:
        async with make_async() as llm:
            outputs = await collect(llm.generate("né😀", params(20)))
            whole = [await collect(llm.generate("né😀", params(20), output_kind="final"))]
        assert "".join(one.outputs[0].text for one in outputs) == "né😀né😀né\ufffd"
        tokens = [token for one in outputs for token in one.outputs[0].token_ids]
        assert tokens == [*"né😀".encode() * 3][:20]
        assert not any("\ufffd" in one.outputs[0].text for one in outputs[:-1])
        assert [one.finished for one in outputs] == [False] * (len(outputs) - 1) + [True]
        assert outputs[-1].outputs[0].finish_reason == "length"
        assert [one.outputs[0].finish_reason for one in outputs[:-1]] == [None] * (len(outputs) - 1)
        [[final]] = whole
        assert final.outputs[0].text == "".join(one.outputs[0].text for one in outputs)
        assert final.finished

    run(main())


def test_cumulative_outputs_have_all_so_far(
    make_async: Callable[..., AsyncLLM], runner: EchoRunner
) -> None:
    slowly(runner)

    async def main() -> None:
        async with make_async() as llm:
            outputs = await collect(llm.generate("ab", params(6), output_kind="cumulative"))
        texts = [one.outputs[0].text for one in outputs]
        assert texts[-1] == "ababab"
        assert all(after.startswith(before) for before, after in pairwise(texts))
        assert outputs[-1].outputs[0].token_ids == [*b"ababab"]

    run(main())


def test_nothing_is_shown_that_a_stop_string_cuts(
    make_async: Callable[..., AsyncLLM], runner: EchoRunner
) -> None:
    slowly(runner)

    async def main() -> None:
        async with make_async() as llm:
            outputs = await collect(llm.generate("one END", params(40, stop=["END"])))
        assert "".join(one.outputs[0].text for one in outputs) == "one "
        assert outputs[-1].outputs[0].stop_reason == "END"

    run(main())


def test_several_continuations_come_in_one_output(make_async: Callable[..., AsyncLLM]) -> None:
    async def main() -> None:
        async with make_async() as llm:
            outputs = await collect(llm.generate("abc", params(5, n=3)))
        texts = ["", "", ""]
        for output in outputs:
            for one in output.outputs:
                texts[one.index] += one.text
        assert texts == ["abcab"] * 3
        assert [output.finished for output in outputs][-1]

    run(main())


def test_requests_join_while_others_run(
    make_async: Callable[..., AsyncLLM], runner: EchoRunner
) -> None:
    async def main() -> None:
        async with make_async() as llm:
            long = asyncio.ensure_future(text(llm.generate("long", params(400))))
            await until(lambda: runner.steps > 3)
            assert await text(llm.generate("xy", params(4))) == "xyxy"
            assert not long.done()
            assert await long == "long" * 100

    slowly(runner)
    run(main())


def test_a_full_engine_refuses(make_async: Callable[..., AsyncLLM], runner: EchoRunner) -> None:
    async def main() -> None:
        async with make_async(capacity=2) as llm:
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
    make_async: Callable[..., AsyncLLM], runner: EchoRunner
) -> None:
    async def main() -> None:
        async with make_async(capacity=2, on_full="wait") as llm:
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


def test_several_event_loops_share_an_engine(
    make_async: Callable[..., AsyncLLM], runner: EchoRunner
) -> None:
    slowly(runner)
    llm = make_async()
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


def test_a_loop_is_called_once_a_step(
    make_async: Callable[..., AsyncLLM], runner: EchoRunner, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = []

    async def main() -> None:
        loop = asyncio.get_running_loop()
        plain = loop.call_soon_threadsafe

        def counted(*arguments: Any, **others: Any) -> Any:
            calls.append(threading.current_thread().name)
            return plain(*arguments, **others)

        monkeypatch.setattr(loop, "call_soon_threadsafe", counted)
        async with make_async(batch_size=4) as llm:
            await asyncio.gather(*(text(llm.generate("ab", params(20))) for _ in range(4)))

    run(main())
    assert 0 < calls.count("multibin-engine") <= runner.steps + 1


def test_names_are_those_of_running_requests(
    make_async: Callable[..., AsyncLLM], runner: EchoRunner
) -> None:
    async def main() -> None:
        async with make_async() as llm:
            runner.gate.clear()
            task = asyncio.ensure_future(collect(llm.generate("ab", params(3), "mine")))
            await until(lambda: runner.unfinished)
            with pytest.raises(ValueError, match=r"^request_id must be one that does not run yet"):
                await text(llm.generate("ab", params(3), "mine"))
            runner.gate.set()
            assert {output.request_id for output in await task} == {"mine"}

    run(main())


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"prompt": ""}, "prompt must be non-empty"),
        ({"prompt": [1, 999]}, "prompt[1] must be an id of the model's vocabulary"),
        ({"length": -1}, "length must be at least 0, got -1"),
        ({"ttl": -1}, "ttl must be at least 0, got -1"),
        ({"priority": -1}, "priority must be at least 0, got -1"),
        ({"output_kind": "all"}, "output_kind must be one of 'delta', 'cumulative', 'final'"),
    ],
)
def test_bad_arguments_are_refused(
    make_async: Callable[..., AsyncLLM], arguments: dict[str, Any], message: str
) -> None:
    async def main() -> None:
        async with make_async() as llm:
            with pytest.raises(ValueError, match=re.escape(message)):
                await text(llm.generate(**{"prompt": "ab", **arguments}))
            with pytest.raises(TypeError, match=r"^request_id must be a str or None, got 3$"):
                await text(llm.generate("ab", request_id=3))  # type: ignore[arg-type]
            with pytest.raises(TypeError, match=r"^sampling_params must be SamplingParams or None"):
                await text(llm.generate("ab", [params(3)]))  # type: ignore[arg-type]

    run(main())
