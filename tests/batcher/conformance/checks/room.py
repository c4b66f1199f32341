"""What a batcher accepts is bounded, and room comes back."""

from __future__ import annotations

import asyncio
import time

from ..trial import Trial, answered
from . import check


@check("batched", "batched_aio", "aiodataloader", "infinity", "bentoml", "ray", "litserve")
async def bounded(trial: Trial) -> None:
    """Refuses requests beyond its capacity, or lets them wait for room."""
    model = trial.model()
    batcher = await trial.open(model, capacity=64)
    held = await trial.hold(batcher, model)
    accepted: list[str] = []

    async def ask(item: str) -> None:
        try:
            answer = await batcher.submit(item)
            accepted.append(item)
            await answer
        except Exception:
            if item in accepted:
                accepted.remove(item)

    tasks = [asyncio.create_task(ask(f"ok {number}")) for number in range(1000)]
    waiting = await settled(trial, accepted, 64 + 4 * 8)
    model.release("hold 0")
    await trial.outcomes([held, *tasks])
    assert waiting <= 64 + 4 * 8, f"{waiting} requests were accepted with a capacity of 64"


async def settled(trial: Trial, accepted: list[str], bound: int) -> int:
    """Returns how many requests wait; refusals may take a while to arrive."""
    end = time.monotonic() + trial.patience
    seen = -1
    while len(accepted) != seen or (seen > bound and time.monotonic() < end):
        seen = len(accepted)
        await asyncio.sleep(0.3)
    return seen


@check("async_batcher", "infinity", "mosec")
async def room_of_cancelled(trial: Trial) -> None:
    """Frees the room of callers that went away at once."""
    model = trial.model()
    batcher = await trial.open(model, capacity=16)
    held = await trial.hold(batcher, model)
    for _ in range(5):
        for task in await trial.queue(batcher, [f"ok {number}" for number in range(12)]):
            task.cancel()
        await asyncio.sleep(0.1)
    stay = await trial.queue(batcher, ["ok 12", "ok 13"])
    model.release("hold 0")
    assert await trial.outcomes([held, *stay]) == answered(["hold 0", "ok 12", "ok 13"])


@check("infinity", "razors_edge")
async def room_of_failed(trial: Trial) -> None:
    """Frees the room of requests whose batch failed."""
    batcher = await trial.open(trial.model(), capacity=16)
    for _ in range(6):
        items = [f"bad {number}" for number in range(8)]
        await trial.outcomes(trial.call(batcher, item) for item in items)
    items = [f"ok {number}" for number in range(8)]
    assert await trial.outcomes(trial.call(batcher, item) for item in items) == answered(items)
