"""The end of a batcher: every caller gets an answer."""

from __future__ import annotations

import asyncio
import time
from asyncio.events import _get_running_loop

from multibin.batcher._runtime import Runtime

__all__ = ["aclose", "at_exit", "close"]

AT_EXIT = 60.0
"""Seconds that the end of the interpreter waits for the batches that are left."""

SLICE = 0.25
"""Seconds after which a wait for the batches that are left looks whether their loop still runs."""


def close(runtime: Runtime, timeout: float | None) -> None:
    """Closes, and waits in a thread."""
    if _get_running_loop() is not None:
        raise RuntimeError("close() would block the event loop of this thread: await aclose()")
    _check(runtime, "close")
    runtime.close()
    runtime.crew.settle()
    deadline = None if timeout is None else time.monotonic() + timeout
    for lane in runtime.lanes.all():
        while not _is_over(deadline):
            try:
                lane.scheduler.drain(_slice(deadline))
                break
            except TimeoutError:
                runtime.crew.settle()
    _end(runtime, deadline)


async def aclose(runtime: Runtime, timeout: float | None) -> None:
    """Closes, and waits in a task."""
    _check(runtime, "aclose")
    runtime.close()
    runtime.crew.settle()
    deadline = None if timeout is None else time.monotonic() + timeout
    for lane in runtime.lanes.all():
        while not _is_over(deadline):
            try:
                await lane.scheduler.drain_async(_slice(deadline))
                break
            except TimeoutError:
                runtime.crew.settle()
    await asyncio.to_thread(_end, runtime, deadline)


def at_exit(runtime: Runtime) -> None:
    """Closes when the interpreter ends."""
    close(runtime, AT_EXIT)


def _check(runtime: Runtime, call: str) -> None:
    """Refuses what would never end."""
    runtime.check_fork()
    if runtime.crew.is_in_batch():
        raise RuntimeError(f"{call}() would wait for the end of the batch that it is called in")


def _end(runtime: Runtime, deadline: float | None) -> None:
    """Fails what is left after the deadline, and ends the workers."""
    runtime.fail_waiting()
    runtime.fail_running()
    runtime.lanes.end()
    runtime.crew.join(_left(deadline))
    runtime.expiry.stop()
    runtime.expiry.join(_left(deadline))


def _slice(deadline: float | None) -> float:
    left = _left(deadline)
    return SLICE if left is None else min(SLICE, left)


def _is_over(deadline: float | None) -> bool:
    return deadline is not None and time.monotonic() > deadline


def _left(deadline: float | None) -> float | None:
    return None if deadline is None else max(0.0, deadline - time.monotonic())
