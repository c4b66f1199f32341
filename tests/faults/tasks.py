"""The calls of a task, and the loops of tasks: slow to be woken, failing, abandoned."""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from collections.abc import Callable, Coroutine
from contextvars import Context
from typing import Any, NoReturn, TypeVarTuple

import numpy as np
from tests.faults import calls
from tests.faults.calls import Dies, Hand, Stage
from tests.faults.program import Actor, Step

import multibin as mb

Ts = TypeVarTuple("Ts")
LONGEST = 0.01
"""Seconds until the tasks of a loop are cancelled: some wait without a timeout."""


class Broken(BaseException):
    """Is raised by a loop that must wake a task."""


class Refused(Exception):
    """Is raised in the main thread instead of `Broken`: a `BaseException` would be raised again
    there, and end the program.
    """


def fail() -> NoReturn:
    """Raises the error of a loop that must wake a task."""
    raise Refused if threading.current_thread() is threading.main_thread() else Broken


class SlowLoop(asyncio.SelectorEventLoop):
    """Releases the GIL for longer than a stock loop that writes to its pipe."""

    def call_soon_threadsafe(
        self, callback: Callable[[*Ts], object], *args: *Ts, context: Context | None = None
    ) -> asyncio.Handle:
        time.sleep(3e-4)
        return super().call_soon_threadsafe(callback, *args, context=context)


class RaisingLoop(asyncio.SelectorEventLoop):
    """Fails in two of three calls: once before it wakes the task, and once after."""

    turn = 0

    def call_soon_threadsafe(
        self, callback: Callable[[*Ts], object], *args: *Ts, context: Context | None = None
    ) -> asyncio.Handle:
        self.turn += 1
        if self.turn % 3 == 1:
            fail()
        handle = super().call_soon_threadsafe(callback, *args, context=context)
        if self.turn % 3 == 2:
            fail()
        return handle


LOOPS: dict[str, type[asyncio.SelectorEventLoop]] = {
    "stock": asyncio.SelectorEventLoop,
    "slow": SlowLoop,
    "raising": RaisingLoop,
}


class Crew:
    """Runs the tasks of one loop."""

    def __init__(self, stage: Stage, actor: Actor) -> None:
        self.stage, self.actor = stage, actor
        self.tasks: list[asyncio.Task[None]] = []

    def run(self) -> None:
        """Runs the loop until its end, of any kind."""
        loop = LOOPS[self.actor.kind]()
        self.tasks = [loop.create_task(self.work(steps)) for steps in self.actor.steps]
        if self.actor.end == "cancel":
            loop.run_until_complete(self.finish())
        else:
            loop.call_later(LONGEST / 3, loop.stop)
            loop.run_forever()
        if self.actor.end != "leave":
            loop.close()

    async def finish(self) -> None:
        await asyncio.wait(self.tasks, timeout=LONGEST)
        for task in self.tasks:
            task.cancel()
        await asyncio.wait(self.tasks)

    async def work(self, steps: list[Step]) -> None:
        hand = Hand(self.stage)
        with contextlib.suppress(Dies, asyncio.CancelledError):
            for name, seed in steps:
                hand.random.seed(seed)
                try:
                    await self.step(name, hand)
                except (Dies, asyncio.CancelledError):
                    raise
                except Exception as error:
                    if self.tasks[0].get_loop().is_closed():
                        return  # The task is destroyed.
                    self.stage.account.faults.append(f"{name} in a task: {error!r}")

    async def step(self, name: str, hand: Hand) -> None:
        if name == "cancel_task":
            hand.random.choice(self.tasks).cancel()
        elif name in STEPS:
            await STEPS[name](hand)
        else:
            getattr(calls, name)(hand)


async def take_async(hand: Hand) -> None:
    worker = hand.stage.shared if hand.random.random() < 0.3 else hand.worker
    timeout = hand.random.choice([None, None, *calls.TIMEOUTS])
    with contextlib.suppress(TimeoutError, mb.ClosedError):
        batch = await worker.next_batch_async(timeout)
        calls.use(hand, batch, hand.account.take(batch))


async def iterate(hand: Hand) -> None:
    left = hand.random.randint(1, 3)
    async for batch in hand.worker:
        taken = hand.account.take(batch)
        with batch:
            await asyncio.sleep(0)
            calls.climb(hand, batch, taken)
            taken.done = True
        left -= 1
        if not left:
            break


async def twice(hand: Hand) -> None:
    """Awaits an awaitable twice, at the same time or in turn."""
    wait = hand.worker.next_batch_async(1e-4)

    async def other() -> None:
        with contextlib.suppress(TimeoutError, mb.ClosedError, RuntimeError):
            batch = await wait
            calls.end(batch, hand.account.take(batch))

    tasks = [asyncio.ensure_future(other()) for _ in range(2)]
    try:
        await asyncio.wait(tasks)
    finally:
        for task in tasks:
            task.cancel()


async def submit_async(hand: Hand) -> None:
    keys = hand.account.keys(1)
    await accept(
        hand,
        keys,
        lambda: hand.scheduler.submit_async(keys[0], hand.random.randrange(50), **hand.details()),
    )


async def submit_many_async(hand: Hand) -> None:
    keys, lengths, details = hand.many()
    array = np.array(keys, np.uint64)
    await accept(hand, keys, lambda: hand.scheduler.submit_many_async(array, lengths, **details))


async def accept(
    hand: Hand, keys: list[int], submit: Callable[[], Coroutine[Any, Any, int]]
) -> None:
    """Waits for room, with or without a timeout. Cancelled, it is unknown what was accepted."""
    try:
        async with asyncio.timeout(hand.random.choice([None, 1e-3])):
            first = await submit()
    except (mb.FullError, mb.ClosedError) as error:
        hand.account.refuse(keys, error)
    except TimeoutError:
        hand.account.unknown += keys
    except BaseException:
        hand.account.unknown += keys
        raise
    else:
        hand.account.accept(keys, first)


async def busy(hand: Hand) -> None:
    """Blocks the loop."""
    time.sleep(hand.timeout())


async def pause_async(hand: Hand) -> None:
    await asyncio.sleep(hand.timeout())


async def never_awaited(hand: Hand) -> None:
    _ = hand.worker.next_batch_async()
    keys = hand.account.keys(1)
    hand.account.unknown += keys
    _ = hand.scheduler.submit_async(keys[0], 1)


async def drain_async(hand: Hand) -> None:
    with contextlib.suppress(TimeoutError):
        await hand.scheduler.drain_async(hand.timeout())


STEPS: dict[str, Callable[[Hand], Coroutine[Any, Any, None]]] = {
    step.__name__: step
    for step in (
        take_async,
        iterate,
        twice,
        submit_async,
        submit_many_async,
        busy,
        pause_async,
        never_awaited,
        drain_async,
    )
}
