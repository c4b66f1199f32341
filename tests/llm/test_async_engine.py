"""AsyncLLM on the real core: the same tokens as `LLM`, and slots that are free again."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import aclosing, contextmanager
from typing import Any

import pytest

from multibin.llm import LLM, AsyncLLM, SamplingParams
from multibin.llm._load.tiny import ByteTokenizer, tiny_model

# The last batch is not full.
PROMPTS = ["a", "a text", "some longer text of several words", "x" * 60, "b"] * 3
LENGTHS = [3, 40, 17, 90, 1] * 3


def params() -> list[SamplingParams]:
    return [
        SamplingParams(max_tokens=n, temperature=0.8, seed=i, ignore_eos=True)
        for i, n in enumerate(LENGTHS)
    ]


def run(coroutine: Any) -> Any:
    async def main() -> Any:
        async with asyncio.timeout(30):
            return await coroutine

    return asyncio.run(main())


async def text(stream: Any) -> str:
    return "".join([output.outputs[0].text async for output in stream])


async def slots_are_free(llm: AsyncLLM) -> None:
    while any(one["rows"] for one in llm.stats()["classes"]):
        await asyncio.sleep(0.001)


@pytest.fixture(scope="module")
def expected() -> list[str]:
    """The texts of `LLM`."""
    llm = LLM(tiny_model(), ByteTokenizer(), batch_size=4)
    outputs = llm.generate(PROMPTS, params(), use_tqdm=False)
    return [output.outputs[0].text for output in outputs]


@pytest.mark.parametrize("scheduling", ["multibin", "fifo", "continuous"])
@pytest.mark.parametrize("predicted", [False, True])
def test_texts_are_those_of_llm(expected: list[str], scheduling: Any, predicted: bool) -> None:
    async def main() -> list[str]:
        options = {"batch_size": 4, "bins": 4, "scheduling": scheduling}
        async with AsyncLLM(tiny_model(), ByteTokenizer(), **options) as llm:
            streams = [
                text(llm.generate(prompt, one, length=length if predicted else None))
                for prompt, one, length in zip(PROMPTS, params(), LENGTHS, strict=True)
            ]
            texts = await asyncio.gather(*streams)
            await slots_are_free(llm)
            stats = llm.stats()
            assert stats["finished"] == {"length": 15}
            assert stats["generated_tokens"] == sum(LENGTHS)
            assert sum(stats["time_to_first_token"]["counts"]) == 15
            assert sum(stats["time_between_tokens"]["counts"]) == sum(LENGTHS) - 15
        return texts

    assert run(main()) == expected


@pytest.mark.parametrize("scheduling", ["multibin", "continuous"])
def test_requests_that_are_given_up_free_their_slots(expected: list[str], scheduling: Any) -> None:
    endless = SamplingParams(max_tokens=900, ignore_eos=True)

    async def begin_and_leave(llm: AsyncLLM) -> None:
        async with aclosing(llm.generate("a", endless)) as stream:
            async for output in stream:
                if sum(len(one.token_ids) for one in output.outputs):
                    break

    async def main() -> list[str]:
        options = {"batch_size": 4, "scheduling": scheduling}
        async with AsyncLLM(tiny_model(), ByteTokenizer(), **options) as llm:
            for _ in range(2):
                await asyncio.gather(*(begin_and_leave(llm) for _ in range(6)))
            await slots_are_free(llm)
            assert llm.stats()["finished"] == {"abort": 12}
            streams = [text(llm.generate(*pair)) for pair in zip(PROMPTS, params(), strict=True)]
            return await asyncio.gather(*streams)

    assert run(main()) == expected


@contextmanager
def failing_at(model: Any, at: int) -> Iterator[None]:
    """Lets one pass of the model raise."""
    calls = 0

    def hook(*_: object) -> None:
        nonlocal calls
        calls += 1
        if calls == at:
            raise ArithmeticError("a bad pass")

    handle = model.register_forward_pre_hook(hook)
    try:
        yield
    finally:
        handle.remove()


def test_a_pass_that_fails_fails_its_rows_alone(expected: list[str]) -> None:
    async def main() -> None:
        async with AsyncLLM(
            tiny_model(), ByteTokenizer(), batch_size=4, scheduling="continuous"
        ) as llm:
            with failing_at(llm.model, 9):
                streams = [text(llm.generate(*one)) for one in zip(PROMPTS, params(), strict=True)]
                found = await asyncio.gather(*streams, return_exceptions=True)
            failed = [i for i, one in enumerate(found) if isinstance(one, ArithmeticError)]
            assert 0 < len(failed) <= 4
            assert [one for i, one in enumerate(found) if i not in failed] == [
                one for i, one in enumerate(expected) if i not in failed
            ]
            again = [text(llm.generate(PROMPTS[i], params()[i])) for i in failed]
            assert await asyncio.gather(*again) == [expected[i] for i in failed]
            await slots_are_free(llm)

    run(main())


@pytest.mark.parametrize("scheduling", ["multibin", "continuous"])
def test_urgent_requests_go_first(scheduling: Any) -> None:
    async def finished(llm: AsyncLLM, priority: int, into: list[int]) -> None:
        await text(llm.generate("a", SamplingParams(max_tokens=4), priority=priority, length=4))
        into.append(priority)

    async def main() -> list[int]:
        order: list[int] = []
        options = {"batch_size": 1, "ageing": 100.0, "scheduling": scheduling}
        async with AsyncLLM(tiny_model(), ByteTokenizer(), **options) as llm:
            first = llm.generate("a", params()[3])
            # Awaited, not polled: a busy loop takes the interpreter from the engine's thread.
            await anext(first)
            await asyncio.gather(*(finished(llm, priority, order) for priority in (3, 1, 2, 0)))
            await text(first)
        return order

    assert run(main()) == [0, 1, 2, 3]


def test_a_request_that_can_never_fit_is_refused() -> None:
    async def main() -> None:
        model = tiny_model()
        layers, heads, size = 2, 2, 32 * 4
        memory = 64 * layers * 2 * heads * size
        async with AsyncLLM(model, ByteTokenizer(), kv_cache_memory=memory) as llm:
            with pytest.raises(
                ValueError,
                match=r"^the prompt, of 1 tokens, may generate 500: .* raise kv_cache_memory",
            ):
                await text(llm.generate("a", SamplingParams(max_tokens=500)))
            assert llm.stats()["submitted"] == 0
            assert await text(llm.generate("a", SamplingParams(max_tokens=5, seed=0)))

    run(main())


def test_a_strict_bin_that_is_not_full_lets_its_requests_be_cancelled() -> None:
    async def main() -> None:
        async with AsyncLLM(
            tiny_model(), ByteTokenizer(), batch_size=4, edges=[0, 8, 1024], fill="strict"
        ) as llm:
            stream = text(llm.generate("a", SamplingParams(max_tokens=4), "mine"))
            waiting = asyncio.ensure_future(stream)
            while not llm.stats()["submitted"]:
                await asyncio.sleep(0.001)
            await asyncio.sleep(0.05)
            assert not waiting.done()
            assert llm.abort("mine")
            assert await waiting == ""

    run(main())


class Chatting(ByteTokenizer):
    """Writes a conversation with a colon behind each role."""

    chat_template = "of this class"

    def apply_chat_template(self, messages: list[dict[str, str]], **_: object) -> str:
        return "".join(f"{one['role']}: {one['content']}. " for one in messages)


def test_chat_continues_the_template_of_the_conversation() -> None:
    conversation = [{"role": "user", "content": "Why"}]
    params = SamplingParams(max_tokens=8, seed=1)

    async def main() -> str:
        async with AsyncLLM(tiny_model(), Chatting()) as llm:
            return await text(llm.chat(conversation, params))

    llm = LLM(tiny_model(), Chatting())
    [plain] = llm.generate("user: Why. ", params, use_tqdm=False)
    [chat] = llm.chat(conversation, params, use_tqdm=False)
    assert chat.outputs == plain.outputs
    assert run(main()) == plain.outputs[0].text


def test_chat_needs_a_template() -> None:
    llm = AsyncLLM(tiny_model(), ByteTokenizer())
    with pytest.raises(ValueError, match="chat template"):
        llm.chat([{"role": "user", "content": "A question"}])


def test_a_cancelled_row_that_waits_to_climb_takes_no_room() -> None:
    async def main() -> None:
        params = SamplingParams(max_tokens=900, temperature=0, ignore_eos=True)
        few = SamplingParams(max_tokens=2, temperature=0, ignore_eos=True)
        async with AsyncLLM(
            tiny_model(), ByteTokenizer(), batch_size=2, edges=[0, 8, 1024], fill="strict"
        ) as llm:
            scheduler = llm._service._runner.scheduler  # type: ignore[attr-defined]
            short = asyncio.ensure_future(text(llm.generate("a", few, length=1)))
            long = asyncio.ensure_future(text(llm.generate("b", params, "mine", length=1)))
            await short
            while not scheduler.stats()["bins"][1]["waiting"]:
                await asyncio.sleep(0.001)
            assert llm.abort("mine")
            await long
            assert scheduler.stats()["waiting"] == 0

    run(main())
