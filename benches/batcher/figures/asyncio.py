"""256 callers in one event loop, an async function that does nothing, batches of 32.

Ours has a length function, 16 bins, a time to live, ageing priorities, isolation, statistics and a
capacity. The baselines have none of these. `bare queue` passes futures and calls no function.
`queue by hand` passes items with their futures to the function.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager

from benches.batcher import baselines, by_hand, loops
from benches.batcher.options import Options
from benches.batcher.paired import Contestant, Line, Target, take_turns

import multibin as mb

BATCH, CALLERS, EACH = 32, 256, 80
ITEMS = [number % 128 for number in range(CALLERS * EACH)]
Ask = Callable[[int], Awaitable[object]]
Opened = AbstractAsyncContextManager[Ask]


async def nothing(items: list[int]) -> list[int]:
    return items


@asynccontextmanager
async def ours() -> AsyncIterator[Ask]:
    batch = mb.batch(
        length=int,
        batch_size=BATCH,
        bins=16,
        capacity=8192,
        ttl=60.0,
        ageing=1.0,
        isolate=True,
    )
    async with batch(nothing) as ask:
        yield ask


@asynccontextmanager
async def bare_queue() -> AsyncIterator[Ask]:
    batcher = by_hand.BareQueue(BATCH)
    yield batcher.ask
    batcher.task.cancel()


@asynccontextmanager
async def queue_by_hand() -> AsyncIterator[Ask]:
    batcher = by_hand.FunctionQueue(nothing, BATCH)
    yield batcher.ask
    batcher.task.cancel()


@asynccontextmanager
async def batched() -> AsyncIterator[Ask]:
    processor = baselines.load("batched").aio.dynamically(batch_size=BATCH)(nothing)
    yield processor
    processor._task.cancel()  # it has no way to close


@asynccontextmanager
async def aiodataloader() -> AsyncIterator[Ask]:
    loader = baselines.load("aiodataloader").DataLoader(nothing, max_batch_size=BATCH, cache=False)
    yield loader.load


@asynccontextmanager
async def async_batcher() -> AsyncIterator[Ask]:
    base = baselines.load("async_batcher.batcher").AsyncBatcher

    async def process_batch(_: object, batch: list[int]) -> list[int]:
        return batch

    batcher = type("Nothing", (base,), {"process_batch": process_batch})(max_batch_size=BATCH)
    yield batcher.process
    await batcher.stop(force=True)


def contestant(opened: Callable[[], Opened]) -> Contestant:
    """Returns a contestant that measures microseconds an item, in a loop of its own."""

    async def run() -> float:
        async with opened() as ask:
            await loops.closed(ask, ITEMS[: CALLERS * 4], CALLERS)
            return await loops.closed(ask, ITEMS, CALLERS)

    return lambda _: {"item": asyncio.run(run()) / len(ITEMS) * 1e6}


LIBRARIES: dict[str, tuple[str, Callable[[], Opened]]] = {
    "batched.aio": ("batched", batched),
    "aiodataloader": ("aiodataloader", aiodataloader),
    "async-batcher": ("async_batcher", async_batcher),
}
"""The module of each library, and how it is opened."""


def measure(options: Options) -> Iterator[Line | str]:
    opened: dict[str, Callable[[], Opened]] = {"ours": ours}
    opened |= {"bare queue": bare_queue, "queue by hand": queue_by_hand}
    opened |= {name: each for name, (module, each) in LIBRARIES.items() if baselines.have(module)}
    contestants = {name: contestant(each) for name, each in opened.items()}
    rounds = take_turns(contestants, options.rounds(15))
    yield rounds.line("item", "µs", "bare queue", Target(1.0, by_interval=True))
    yield rounds.line("item", "µs", "queue by hand")
    for name in LIBRARIES:
        yield rounds.line("item", "µs", name, Target(1.0))
