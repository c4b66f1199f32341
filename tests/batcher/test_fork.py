"""A forked child has none of the workers: calls raise there, and nothing hangs."""

from __future__ import annotations

import asyncio
import concurrent.futures
import os
import threading
import warnings
from collections.abc import Callable
from typing import Any

import pytest

import multibin as mb

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")


def in_child(check: Callable[[], bool]) -> bool:
    """Returns true if ``check`` does in a forked child, soon."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # Threads run here.
        child = os.fork()
    if child == 0:
        right = False
        try:
            right = check()
        finally:
            os._exit(0 if right else 1)
    patience = threading.Timer(30, os.kill, (child, 9))
    patience.start()
    _, status = os.waitpid(child, 0)
    patience.cancel()
    return status == 0


def refuses(call: Callable[..., Any], *arguments: Any) -> bool:
    try:
        call(*arguments)
    except RuntimeError as error:
        return "the batcher was made before a fork" in str(error)
    return False


class Held:
    """A batcher with an item that runs and one that waits."""

    def __init__(self, **options: Any) -> None:
        self.may_end, runs = threading.Event(), threading.Event()

        def work(items: list[int]) -> list[int]:
            runs.set()
            self.may_end.wait(60)
            return items

        self.batcher = mb.Batcher(work, batch_size=1, **options)
        self.running, self.waiting = self.batcher.submit(1), self.batcher.submit(2)
        runs.wait(60)

    def end(self) -> list[int]:
        self.may_end.set()
        with self.batcher:
            return [future.result(timeout=30) for future in (self.running, self.waiting)]


async def awaited(future: Any) -> Any:
    return await future


CALLS: list[Callable[[Any], Any]] = [
    lambda future: future.result(),
    lambda future: future.exception(timeout=10),
    lambda future: future.cancel(),
    lambda future: future.add_done_callback(print),
    lambda future: concurrent.futures.wait([future]),
    lambda future: list(concurrent.futures.as_completed([future])),
    lambda future: asyncio.run(awaited(future)),
]


def test_a_future_of_the_parent_does_not_hang() -> None:
    held = Held()
    futures = [held.running, held.waiting]
    assert in_child(lambda: all(refuses(call, one) for call in CALLS for one in futures))
    assert in_child(lambda: not any(future.done() for future in futures))
    assert held.end() == [1, 2]
    # One that was done before has its result.
    assert in_child(lambda: held.running.result() == 1)


@pytest.mark.parametrize("options", [{}, {"key": str}], ids=["one", "keys"])
def test_calls_of_the_batcher_raise(options: dict[str, Any]) -> None:
    held = Held(**options)
    batcher = held.batcher
    calls = [
        lambda: batcher.submit(3),
        lambda: batcher(3),
        lambda: next(iter(batcher.map([1]))),
        batcher.stats,
        batcher.prometheus,
        batcher.close,
        lambda: asyncio.run(batcher.aclose()),
    ]
    assert in_child(lambda: all(refuses(call) for call in calls))
    assert held.end() == [1, 2]


def test_a_with_block_goes_silently() -> None:
    held = Held()

    def leave() -> bool:
        with held.batcher:
            pass

        async def main() -> bool:
            async with held.batcher:
                return True

        return asyncio.run(main())

    assert in_child(leave)
    assert held.end() == [1, 2]


def test_a_map_of_the_parent_goes_silently() -> None:
    with mb.Batcher(lambda items: items) as batcher:
        results = batcher.map(range(100), in_flight=8)
        assert next(results) == 0
        assert in_child(lambda: results.close() is None)  # type: ignore[attr-defined]
        assert list(results) == list(range(1, 100))


def test_the_child_can_make_a_batcher() -> None:
    held = Held()

    def use() -> bool:
        with mb.Batcher(lambda items: items) as batcher:
            return bool(batcher.submit(5).result(timeout=10) == 5)

    assert in_child(use)
    assert held.end() == [1, 2]
