"""Threads that submit to a function that does nothing, in batches of 32.

`pipelined` is one thread that submits many items and then takes the results. `blocking` is 64
threads that each wait for a result before the next item.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Protocol

from benches.batcher import baselines, by_hand, loops
from benches.batcher.options import Options
from benches.batcher.paired import Line, Target, take_turns

import multibin as mb

BATCH, WINDOW, WINDOWS = 32, 1024, 20
THREADS, EACH = 64, 200
Ask = Callable[[int], object]


class Result(Protocol):
    def result(self) -> int: ...


def nothing(items: list[int]) -> list[int]:
    return items


def ours() -> mb.Batcher[int, int]:
    return mb.Batcher(nothing, length=int, batch_size=BATCH, bins=16)


def pipelined(submit: Callable[[int], Result]) -> float:
    """Returns microseconds an item, from submission to result."""
    began = loops.clock()
    for _ in range(WINDOWS):
        for future in [submit(item % 128) for item in range(WINDOW)]:
            future.result()
    return (loops.clock() - began) / (WINDOWS * WINDOW) * 1e6


def blocking(ask: Ask) -> float:
    """Returns microseconds an item of all threads together."""
    start = threading.Barrier(THREADS + 1)

    def caller() -> None:
        start.wait()
        for item in range(EACH):
            ask(item % 128)

    threads = [threading.Thread(target=caller) for _ in range(THREADS)]
    for thread in threads:
        thread.start()
    start.wait()
    began = loops.clock()
    for thread in threads:
        thread.join()
    return (loops.clock() - began) / (THREADS * EACH) * 1e6


def run_ours(_: int) -> dict[str, float]:
    with ours() as batcher:
        pipelined_cost = pipelined(batcher.submit)
        return {
            "pipelined": pipelined_cost,
            "64 blocking": blocking(lambda item: batcher.submit(item).result()),
        }


def run_futures(_: int) -> dict[str, float]:
    batcher = by_hand.WithFutures(nothing, BATCH)
    figures = {
        "pipelined": pipelined(batcher.submit),
        "64 blocking": blocking(lambda item: batcher.submit(item).result()),
    }
    batcher.close()
    return figures


def run_replies(_: int) -> dict[str, float]:
    batcher = by_hand.WithReplies(nothing, BATCH)
    figures = {"64 blocking": blocking(batcher.ask)}
    batcher.close()
    return figures


def run_batched(_: int) -> dict[str, float]:
    processor = baselines.load("batched").dynamically(batch_size=BATCH)(nothing)
    figures = {"64 blocking": blocking(processor)}
    processor.shutdown()
    return figures


def measure(options: Options) -> Iterator[Line | str]:
    contestants = {"ours": run_ours, "futures by hand": run_futures, "replies by hand": run_replies}
    if baselines.have("batched"):
        contestants["batched"] = run_batched
    rounds = take_turns(contestants, options.rounds(11))
    yield rounds.line("pipelined", "µs", "futures by hand", Target(1 / 3))
    yield rounds.line("64 blocking", "µs", "futures by hand", Target(1.0, by_interval=True))
    yield rounds.line("64 blocking", "µs", "replies by hand")
    yield rounds.line("64 blocking", "µs", "batched")
