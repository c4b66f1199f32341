"""razors-edge-batching-scheduler beside ours: MiniLM on one thread, closed loops, at most 32 rows.

The texts have a median of 48 tokens, log-normal with sigma 1, from 8 to 256. Razor's Edge times the
model at its start, for minutes. It runs the model in a process of its own, with the policy that it
recommends. Ours learns from 200 requests, which are not counted.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

from benches.batcher import baselines, loops, model
from benches.batcher.options import Options
from benches.batcher.paired import Contestant, Figures, Line, Target, take_turns

import multibin as mb

BATCH, LEARNING, MEDIAN = 32, 200, 48
CALLERS = (16, 64)
Ask = Callable[[str], Awaitable[object]]
Run = Callable[[list[str], int], Awaitable[Figures]]


async def rate(ask: Ask, texts: list[str], callers: int) -> Figures:
    answers, latencies = await loops.steady_rate(ask, texts, callers, LEARNING)
    return {"texts": answers} | loops.quantiles(latencies, 1e3)


async def ours(texts: list[str], callers: int) -> Figures:
    async with mb.Batcher(model.embedder(), length=model.count_tokens, batch_size=BATCH) as embed:
        return await rate(embed, texts, callers)


def theirs(executor: Any) -> Run:
    task = baselines.load("benches.batcher.razors_task").Embedding

    async def run(texts: list[str], callers: int) -> Figures:
        # Its semaphore stays with the first loop that waits for it, and limits what is in flight.
        executor._async_limit_semaphore = asyncio.Semaphore(max(CALLERS) + 1)
        return await rate(lambda text: executor.async_compute_fn(task, text), texts, callers)

    return run


def contestant(runner: asyncio.Runner, run: Run, texts: int, callers: int, seed: int) -> Contestant:
    def once(number: int) -> Figures:
        drawn = model.texts(LEARNING + texts, MEDIAN, seed + number)

        async def play() -> Figures:
            return await run(drawn, callers)

        return runner.run(play())

    return once


def measure(options: Options) -> Iterator[Line | str]:
    manager = baselines.load("batching_executor.process_manager")
    task = baselines.load("benches.batcher.razors_task").Embedding
    model.embedder()
    try:
        executor = manager.ComputeExecutor([task], async_limit=max(CALLERS))
    except SystemExit as error:
        raise baselines.SkippedError(f"its process ended: {error}") from error
    runs = {"ours": ours, "razor's edge": theirs(executor)}
    # One loop for all: its thread of results ends when a loop is closed that it answered.
    runner, count = asyncio.Runner(), min(options.texts, 400)
    for callers in CALLERS:
        turns = {
            name: contestant(runner, run, count, callers, options.seed)
            for name, run in runs.items()
        }
        rounds = take_turns(turns, options.rounds(7), warm_up=False)
        yield f"{callers} callers"
        least = Target(1.0, least=True, by_interval=True)
        yield rounds.line("texts", "a second", "razor's edge", least)
        yield rounds.line("p99", "ms", "razor's edge", Target(1.0, by_interval=True))
        yield rounds.line("p50", "ms", "razor's edge")
