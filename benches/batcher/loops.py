"""Callers in an event loop: closed loops, and arrivals that wait for no answer."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

import numpy as np

__all__ = ["arrivals", "closed", "open_loop", "quantiles", "steady_rate"]

T = TypeVar("T")
clock = time.perf_counter
"""What times a closed loop. With `--cpu` it is the processor time of this process."""
Ask = Callable[[T], Awaitable[object]]


async def closed(ask: Ask[T], items: Sequence[T], callers: int) -> float:
    """Asks for all items, so many at a time, and returns the seconds."""
    rest = iter(items)

    async def caller() -> None:
        for item in rest:
            await ask(item)

    began = clock()
    await asyncio.gather(*(caller() for _ in range(callers)))
    return clock() - began


async def steady_rate(
    ask: Ask[T], items: Sequence[T], callers: int, first: int
) -> tuple[float, list[float]]:
    """Returns the answers a second after the first ones, and the latency of each.

    All callers go on until the last of the items is answered, so that none is measured alone: the
    items repeat meanwhile.
    """
    answered: list[tuple[float, float]] = []
    position = iter(range(2 * len(items) + callers))

    async def caller() -> None:
        while len(answered) < len(items):
            began = time.perf_counter()
            await ask(items[next(position) % len(items)])
            answered.append((clock(), time.perf_counter() - began))

    await asyncio.gather(*(caller() for _ in range(callers)))
    measured = answered[first : len(items)]
    seconds = measured[-1][0] - answered[first - 1][0]
    return len(measured) / seconds, [latency for _, latency in measured]


def arrivals(count: int, rate: float, seed: int) -> list[float]:
    """Draws a Poisson process: seconds from the start."""
    gaps = np.random.default_rng(seed).exponential(1 / rate, count)
    return np.cumsum(gaps).tolist()  # type: ignore[no-any-return]  # numpy says Any


async def open_loop(ask: Ask[T], items: Sequence[T], times: Sequence[float]) -> list[float]:
    """Asks at these times, however many wait, and returns the latencies.

    A latency counts from the time that was due: a loop that is late delays its callers.
    """
    began = time.perf_counter() + 0.01

    async def one(item: T, due: float) -> float:
        await ask(item)
        return time.perf_counter() - due

    tasks = []
    for item, at in zip(items, times, strict=True):
        pause = began + at - time.perf_counter()
        if pause > 0:
            await asyncio.sleep(pause)
        tasks.append(asyncio.create_task(one(item, began + at)))
    return await asyncio.gather(*tasks)


def quantiles(seconds: Sequence[float], scale: float) -> dict[str, float]:
    """Returns p50 and p99 in a unit of which a second has `scale`."""
    p50, p99 = (np.quantile(seconds, [0.5, 0.99]) * scale).tolist()
    return {"p50": p50, "p99": p99}
