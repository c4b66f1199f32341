"""No request is passed by others without bound."""

from __future__ import annotations

import asyncio
from bisect import bisect_left, insort
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from ..model import Model
from ..subject import Running
from ..trial import Trial
from . import check

# Batches that may leave ahead of one that waits, many times what a fair order needs.
BOUND = 60


@check("batched")
async def overtaking(trial: Trial) -> None:
    """Lets at most four batches of later requests pass a request of the same kind."""
    model = trial.model()
    batcher = await trial.open(model, ordered=True)
    held = await trial.hold(batcher, model)
    tasks = await trial.queue(batcher, [f"ok {number}" for number in range(1000)])
    model.release("hold 0")
    await trial.outcomes([held, *tasks])
    assert most_passed(model) <= 4 * 8


def most_passed(model: Model) -> int:
    """Returns the most later requests that were computed in calls before that of a request."""
    earlier: list[int] = []
    most = 0
    for call in model.calls()[1:]:
        numbers = [int(item.split()[1]) for item in call.items]
        most = max(most, *(len(earlier) - bisect_left(earlier, number) for number in numbers))
        for number in numbers:
            insort(earlier, number)
    return most


@asynccontextmanager
async def closed_loop(trial: Trial, batcher: Running, callers: int) -> AsyncIterator[None]:
    """Keeps ``callers`` urgent callers asking, each again as soon as it is answered."""

    async def ask(caller: int) -> None:
        number = 0
        while True:
            await trial.call(batcher, f"ok {caller}.{number}")
            number += 1

    tasks = [asyncio.create_task(ask(caller)) for caller in range(callers)]
    await asyncio.sleep(0.05)
    yield
    for task in tasks:
        task.cancel()


async def passed(trial: Trial, item: str, *, urgent: bool, **options: bool) -> None:
    """Submits one item beside a closed loop of others; at most ``BOUND`` batches may pass it."""
    model = trial.model(seconds=0.002)
    batcher = await trial.open(model, **options)
    async with closed_loop(trial, batcher, 32):
        before = len(model.calls())
        waits = asyncio.create_task(trial.call(batcher, item, urgent=urgent))
        await trial.until(
            lambda: item in model.computed() or len(model.calls()) > before + BOUND,
            f"{BOUND} batches leave",
        )
        calls = len(model.calls()) - before
        assert item in model.computed(), f"passed by {calls} batches"
        assert await trial.outcome(waits) == item.upper()


@check("batched_aio")
async def low_priority(trial: Trial) -> None:
    """Serves a request of low priority although urgent ones never cease."""
    await passed(trial, "ok low", urgent=False, priorities=True)


@check()
async def lone_length(trial: Trial) -> None:
    """Serves a request of an unusual length although others of one length never cease."""
    await passed(trial, "ok " + 60 * "long", urgent=True, lengths=True)
