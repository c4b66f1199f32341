"""Random programs of callers, loops, cancellations and ends: every caller gets an answer.

``python -m tests.batcher.test_random_programs SECONDS [SEED]`` runs them for longer.
"""

from __future__ import annotations

import asyncio
import contextlib
import faulthandler
import gc
import logging
import random
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

import multibin as mb

WATCHDOG = 30.0
"""Seconds that one program may take."""


class Fault(BaseException):
    """Is no Exception."""


class Program:
    """A batcher with random options, and callers that do random things to it."""

    def __init__(self, seed: int) -> None:
        self.random = choose = random.Random(seed)
        self.is_async = choose.random() < 0.5
        self.isolate = choose.random() < 0.3
        self.climb = choose.random() < 0.2
        self.options: dict[str, Any] = {
            "batch_size": choose.choice([1, 2, 8]),
            "workers": choose.choice([1, 1, 2, 3]),
            "key": choose.choice([None, None, lambda item: item % 3, lambda item: item % 97]),
            "length": choose.choice([None, lambda item: item % 50]),
            "capacity": choose.choice([8, 32, 4096]),
            "on_full": choose.choice(["raise", "wait", "drop_oldest"]),
            "ttl": choose.choice([None, None, 0.02]),
            "isolate": self.isolate,
            "worker_timeout": choose.choice([None, None, None, 0.05]),
            "climb": self.climb,
            "costs": choose.choice(["learn", None]),
        }
        self.faults = choose.choice([0.0, 0.0, 0.1])
        self.pause = choose.choice([0.0, 0.001, 0.004])
        self.lock = threading.Lock()
        self.items = 0
        self.ended_loops = 0
        self.computed: Counter[int] = Counter()
        self.cancelled: dict[int, float] = {}
        self.futures: list[tuple[int, mb.Future[int]]] = []
        self.wrong: list[str] = []
        function = self.arun if self.is_async else self.run
        self.batcher: mb.Batcher[int, int] = mb.Batcher(function, **self.options)

    def run(self, items: list[Any], _: int | None = None) -> list[Any]:
        """Is the function of threads."""
        self.note(items)
        time.sleep(self.pause)
        return self.results(items)

    async def arun(self, items: list[Any], _: int | None = None) -> list[Any]:
        """Is the function of event loops."""
        self.note(items)
        await asyncio.sleep(self.pause)
        return self.results(items)

    def note(self, items: list[Any]) -> None:
        now = time.monotonic()
        if not items:
            self.wrong.append("a batch without items")
        with self.lock:
            for item in items:
                if isinstance(item, int):
                    self.computed[item] += 1
                    # A batch may have taken it just before.
                    if now - self.cancelled.get(item, now) > 1:
                        self.wrong.append(f"{item} was computed after it was cancelled")

    def results(self, items: list[Any]) -> list[Any]:
        if random.random() < self.faults:
            fault = random.choice([ValueError("all"), Fault("all"), SystemExit(1), None])
            if fault is None:
                return items[1:]
            if not (self.is_async and isinstance(fault, SystemExit)):
                raise fault
        return [self.result(item) for item in items]

    def result(self, item: Any) -> Any:
        if isinstance(item, tuple):
            return -item[0]
        if self.climb and item % 5 == 0:
            return mb.Unfinished((item,), progress=item % 50 + 1)
        return ValueError("one") if item % 31 == 7 else -item

    def item(self) -> int:
        with self.lock:
            self.items += 1
            return self.items

    def submit(self, awaited: bool = False) -> mb.Future[int] | None:
        item = self.item()
        try:
            future = self.batcher(item) if awaited else self.batcher.submit(item)
        except (mb.FullError, mb.ClosedError):
            return None
        with self.lock:
            self.futures.append((item, future))
        return future

    def cancel(self, future: mb.Future[int]) -> None:
        if future.cancel():
            with self.lock:
                item = next(item for item, one in self.futures if one is future)
                self.cancelled[item] = time.monotonic()

    def in_thread(self, seed: int) -> None:
        choose = random.Random(seed)
        mine = []
        for _ in range(choose.randrange(60)):
            act = choose.random()
            if act < 0.6 and (future := self.submit()) is not None:
                mine.append(future)
            elif act < 0.7 and mine:
                self.cancel(choose.choice(mine))
            elif act < 0.8 and mine:
                with contextlib.suppress(Exception):
                    choose.choice(mine).exception(timeout=choose.choice([0, 0.01, 20]))
            elif act < 0.84:
                self.map_some(choose)
            elif act < 0.9:
                time.sleep(choose.choice([0, 0.001, 0.01]))

    def map_some(self, choose: random.Random) -> None:
        items = [self.item() for _ in range(20)]
        mapped = self.batcher.map(items, in_flight=4, return_exceptions=True)
        with contextlib.suppress(mb.ClosedError):
            for at, result in enumerate(mapped):
                if not isinstance(result, Exception) and result != -items[at]:
                    self.wrong.append(f"map: {items[at]} got {result}")
                if choose.random() < 0.1:
                    break

    def in_loop(self, seed: int) -> None:
        choose = random.Random(seed)
        for _ in range(choose.choice([1, 1, 3])):
            asyncio.run(self.main(choose))
            self.ended_loops += 1

    async def main(self, choose: random.Random) -> None:
        tasks = [
            asyncio.create_task(self.call(choose.random())) for _ in range(choose.randrange(60))
        ]
        for task in tasks:
            if choose.random() < 0.1:
                await asyncio.sleep(choose.choice([0, 0.001]))
                task.cancel()
        if choose.random() < 0.8:
            await asyncio.gather(*tasks, return_exceptions=True)

    async def call(self, act: float) -> None:
        if act < 0.05:
            items = [self.item() for _ in range(10)]
            with contextlib.suppress(mb.ClosedError):
                async for _ in self.batcher.amap(items, in_flight=3, return_exceptions=True):
                    if act < 0.02:
                        break
        elif (future := self.submit(awaited=True)) is not None:
            with contextlib.suppress(Exception):
                await asyncio.wait_for(future, 0.01 if act > 0.9 else 20)

    def end(self) -> None:
        how = self.random.randrange(5)
        timeout = self.random.choice([None, None, 0.02])
        if how < 2:
            self.batcher.close(timeout)
        elif how < 4:
            asyncio.run(self.batcher.aclose(timeout))
            self.ended_loops += 1
        else:
            self.batcher.close(timeout)
            self.batcher.close()

    def play(self) -> None:
        """Runs the program and checks what it left."""
        seeds = [self.random.random() for _ in range(5)]
        targets = [self.in_thread, self.in_thread, self.in_thread, self.in_loop, self.in_loop]
        threads = [
            threading.Thread(target=target, args=(seed,), daemon=True)
            for target, seed in zip(targets, seeds, strict=True)
        ]
        for thread in threads:
            thread.start()
        if self.random.random() < 0.4:
            time.sleep(self.random.random() * 0.03)
            self.end()
        for thread in threads:
            thread.join()
        self.end()
        self.check()

    def check(self) -> None:
        for item, future in self.futures:
            soon(future.done)
            if not future.cancelled() and future.exception() is None:
                assert future.result() == -item
        assert not self.wrong, self.wrong
        if not (self.isolate or (self.is_async and self.ended_loops)):
            assert all(count == 1 for count in self.computed.values())
        soon(lambda: self.left() == [])

    def left(self) -> list[object]:
        """Returns what the batcher still has. After a timeout, batches end later."""
        runtime = self.batcher._runtime
        kept = [runtime.limit.items, runtime.limit.in_line]
        for lane in runtime.lanes.all():
            stats = lane.scheduler.stats()
            kept += [stats["waiting"], stats["leased"], lane.waiting, lane.inbox.items]
        return [one for one in kept if one]


def soon(holds: Callable[[], bool]) -> None:
    """Asserts that something holds after a moment."""
    deadline = time.monotonic() + 5
    while not holds() and time.monotonic() < deadline:
        time.sleep(0.002)
    assert holds()


def threads_left() -> list[str]:
    """Returns the threads of batchers."""
    return [thread.name for thread in threading.enumerate() if "Program" in thread.name]


def play(seed: int) -> None:
    faulthandler.dump_traceback_later(WATCHDOG, exit=True)
    try:
        random.seed(seed)
        program = Program(seed)
        program.play()
    except BaseException:
        print("seed", seed, program.options, "async", program.is_async, flush=True)
        raise
    finally:
        faulthandler.cancel_dump_traceback_later()
    del program
    soon(lambda: not threads_left())


@pytest.mark.parametrize("seed", range(24))
def test_random_programs(seed: int, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.CRITICAL)
    play(seed)
    gc.collect()


if __name__ == "__main__":
    logging.disable(logging.CRITICAL)
    stop, seed = time.monotonic() + float(sys.argv[1]), int((sys.argv[2:] or ["0"])[0])
    while time.monotonic() < stop:
        play(seed)
        seed += 1
    print("seeds up to", seed)
