"""The end of a batcher: every caller gets an answer."""

from __future__ import annotations

import asyncio
import time
from asyncio.events import _get_running_loop

from multibin.batcher._runtime import Runtime

__all__ = ["aclose", "at_exit", "close"]

AT_EXIT = 60.0
"""Seconds that the end of the interpreter waits for the batches that are left."""


def close(runtime: Runtime, timeout: float | None) -> None:
    """Closes, and waits in a thread."""
    if _get_running_loop() is not None:
        raise RuntimeError("close() would block the event loop of this thread: await aclose()")
    runtime.close()
    runtime.crew.settle()
    deadline = None if timeout is None else time.monotonic() + timeout
    for lane in runtime.lanes.all():
        try:
            lane.scheduler.drain(_left(deadline))
        except TimeoutError:
            break
    _end(runtime, deadline)


async def aclose(runtime: Runtime, timeout: float | None) -> None:
    """Closes, and waits in a task."""
    runtime.close()
    runtime.crew.settle()
    deadline = None if timeout is None else time.monotonic() + timeout
    for lane in runtime.lanes.all():
        try:
            await lane.scheduler.drain_async(_left(deadline))
        except TimeoutError:
            break
    await asyncio.to_thread(_end, runtime, deadline)


def at_exit(runtime: Runtime) -> None:
    """Closes when the interpreter ends."""
    close(runtime, AT_EXIT)


def _end(runtime: Runtime, deadline: float | None) -> None:
    """Fails what is left after the deadline, and ends the workers."""
    runtime.fail_waiting(f"{runtime.name} was closed before this item had a batch")
    runtime.lanes.end()
    runtime.crew.join(_left(deadline))
    runtime.expiry.stop()


def _left(deadline: float | None) -> float | None:
    return None if deadline is None else max(0.0, deadline - time.monotonic())
