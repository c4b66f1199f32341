"""A function of 20 ms whatever it is given, batches of 32, 800 Poisson requests a second.

The hand-written batcher cuts a batch when its worker is free and waits for nothing. The first
second is not counted: ours learns then, by small batches that let a queue grow.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator

import numpy as np
from benches.batcher import baselines, by_hand, loops
from benches.batcher.options import Options
from benches.batcher.paired import Contestant, Figures, Line, Target, take_turns

import multibin as mb

BATCH, RATE, REQUESTS, FIRST, SLEEP = 32, 800, 4800, 800, 0.020


def model(items: list[int]) -> list[int]:
    time.sleep(SLEEP)
    return items


async def play(ask: loops.Ask[int], seed: int) -> Figures:
    """Plays the arrivals of this seed; the first requests are not counted."""
    lengths = np.random.default_rng(seed).lognormal(np.log(40), 1, REQUESTS)
    items = lengths.clip(1, 1024).astype(int).tolist()
    latencies = await loops.open_loop(ask, items, loops.arrivals(REQUESTS, RATE, seed))
    return loops.quantiles(latencies[FIRST:], 1e3)


async def ours(seed: int) -> Figures:
    async with mb.Batcher(model, length=int, batch_size=BATCH) as batcher:
        return await play(batcher, seed)


async def by_thread(seed: int) -> Figures:
    batcher = by_hand.ForLoop(model, BATCH)
    try:
        return await play(batcher.ask, seed)
    finally:
        batcher.close()


async def batched(seed: int) -> Figures:
    return await play(baselines.load("batched").aio.dynamically(batch_size=BATCH)(model), seed)


def measure(options: Options) -> Iterator[Line | str]:
    contestants: dict[str, Contestant] = {
        "ours": lambda number: asyncio.run(ours(options.seed + number)),
        "cut when free": lambda number: asyncio.run(by_thread(options.seed + number)),
    }
    if baselines.have("batched"):
        contestants["batched"] = lambda number: asyncio.run(batched(options.seed + number))
    rounds = take_turns(contestants, options.rounds(7), warm_up=False)
    for figure in ("p50", "p99"):
        yield rounds.line(figure, "ms", "cut when free", Target(1.05))
        yield rounds.line(figure, "ms", "batched")
