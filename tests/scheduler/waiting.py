"""Waits in event loops and threads, for several tests."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import Any

import multibin as mb

EDGES = mb.Edges([0, 10, 20])
SOON = 20
"""Seconds: a longer wait has lost its wake-up."""


async def until_waiting(waiter: asyncio.Task[Any]) -> None:
    """Lets the task run until it waits."""
    await asyncio.sleep(0.01)
    assert not waiter.done()


async def take_soon(worker: mb.Worker) -> mb.Batch:
    """Waits for the next batch and ends its lease."""
    with await asyncio.wait_for(worker.next_batch_async(), SOON) as batch:
        return batch


def in_thread(work: Callable[[], object]) -> threading.Thread:
    """Starts a thread that does the work."""
    thread = threading.Thread(target=work)
    thread.start()
    return thread
