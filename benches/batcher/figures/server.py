"""A newcomer's server: MiniLM on one thread, 64 callers in a closed loop, batches of 32.

The texts have a median of 40 tokens, log-normal with sigma 1, from 8 to 256. Ours gets a length
function and the batch size; the first 200 requests are for learning and are not counted.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

from benches.batcher import baselines, loops, model
from benches.batcher.options import Options
from benches.batcher.paired import Contestant, Figures, Line, Target, take_turns

import multibin as mb

BATCH, CALLERS, LEARNING, MEDIAN = 32, 64, 200, 40
Ask = Callable[[str], Awaitable[object]]


async def rate(ask: Ask, texts: list[str]) -> Figures:
    answers, latencies = await loops.steady_rate(ask, texts, CALLERS, LEARNING)
    return {"texts": answers} | loops.quantiles(latencies, 1e3)


async def ours(texts: list[str]) -> Figures:
    embed = mb.batch(length=len, batch_size=BATCH)(model.embedder())
    async with embed:
        return await rate(embed, texts)


async def one_at_a_time(texts: list[str]) -> Figures:
    embed, loop = model.embedder(), asyncio.get_running_loop()
    with ThreadPoolExecutor(1) as worker:
        return await rate(lambda text: loop.run_in_executor(worker, embed, [text]), texts)


async def batched(texts: list[str]) -> Figures:
    dynamically = baselines.load("batched").aio.dynamically
    return await rate(dynamically(batch_size=BATCH)(model.embedder()), texts)


def measure(options: Options) -> Iterator[Line | str]:
    model.embedder()
    count = LEARNING + min(options.texts, 400)

    def contestant(run: Callable[[list[str]], Awaitable[Figures]]) -> Contestant:
        async def once(number: int) -> Figures:
            return await run(model.texts(count, MEDIAN, options.seed + number))

        return lambda number: asyncio.run(once(number))

    contestants = {"ours": contestant(ours), "one at a time": contestant(one_at_a_time)}
    if baselines.have("batched"):
        contestants["batched"] = contestant(batched)
    rounds = take_turns(contestants, options.rounds(7), warm_up=False)
    yield rounds.line("texts", "a second", "one at a time", Target(1.05, least=True))
    yield rounds.line("texts", "a second", "batched", Target(3.0, least=True))
    for figure in ("p50", "p99"):
        yield rounds.line(figure, "ms", "one at a time")
        yield rounds.line(figure, "ms", "batched")
