"""An idle batcher, and callers in an event loop at 100 requests a second.

The function does nothing, in a thread. A wake-up is a voluntary context switch of any thread but
the one that measures, which sleeps.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

from benches.batcher import baselines, by_hand
from benches.batcher.loops import quantiles
from benches.batcher.options import Options
from benches.batcher.paired import Line, Target, take_turns

import multibin as mb

BATCH, REQUESTS, GAP, QUIET = 32, 200, 0.01, 2.0
Ask = Callable[[int], Awaitable[object]]
SWITCHES = "voluntary_ctxt_switches:"


def nothing(items: list[int]) -> list[int]:
    return items


def wake_ups() -> int:
    """Counts the voluntary switches of all threads of this process but the calling one."""
    own, total = threading.get_native_id(), 0
    for task in Path("/proc/self/task").iterdir():
        lines = (task / "status").read_text().splitlines() if int(task.name) != own else []
        total += sum(int(line.split()[1]) for line in lines if line.startswith(SWITCHES))
    return total


def quiet() -> float:
    """Returns wake-ups a second while the calling thread sleeps."""
    time.sleep(0.3)  # what the last request left behind
    before = wake_ups()
    time.sleep(QUIET)
    return (wake_ups() - before) / QUIET


async def one_by_one(ask: Ask) -> dict[str, float]:
    """Measures microseconds from each request to its answer, the loop idle between them."""
    seconds = []
    for number in range(REQUESTS + 10):
        await asyncio.sleep(GAP)
        began = time.perf_counter()
        await ask(number % 128)
        seconds.append(time.perf_counter() - began)
    return quantiles(seconds[10:], 1e6)


async def idle(ask: Ask) -> dict[str, float]:
    """Measures latencies, then wake-ups of the loop and of the batcher's threads."""
    return await one_by_one(ask) | {"wake-ups": await asyncio.to_thread(quiet)}


def run_ours(_: int) -> dict[str, float]:
    async def run() -> dict[str, float]:
        async with mb.Batcher(nothing, length=int, batch_size=BATCH) as batcher:
            return await idle(batcher)

    return asyncio.run(run())


def run_by_hand(_: int) -> dict[str, float]:
    async def run() -> dict[str, float]:
        batcher = by_hand.ForLoop(nothing, BATCH)
        figures = await idle(batcher.ask)
        batcher.close()
        return figures

    return asyncio.run(run())


def run_batched(_: int) -> dict[str, float]:
    async def run() -> dict[str, float]:
        processor = baselines.load("batched").dynamically(batch_size=BATCH)(nothing)
        figures = await idle(processor.acall)
        processor.shutdown()
        return figures

    return asyncio.run(run())


def measure(options: Options) -> Iterator[Line | str]:
    contestants = {"ours": run_ours, "thread by hand": run_by_hand}
    if baselines.have("batched"):
        contestants["batched"] = run_batched
    rounds = take_turns(contestants, options.rounds(7), warm_up=False)
    yield rounds.alone("wake-ups", "a second", Target(0.0))
    for figure in ("p50", "p99"):
        yield rounds.line(figure, "µs", "thread by hand", Target(1.5))
    for figure in ("p50", "wake-ups"):
        yield rounds.line(figure, "µs" if figure == "p50" else "a second", "batched")
