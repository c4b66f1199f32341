"""One batcher serves any number of event loops and threads."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor

from ..subject import Running
from ..trial import Trial, answered
from . import check

ASYNCIO = ("batched_aio", "aiodataloader", "infinity", "bentoml")


@check(*ASYNCIO, "async_batcher", "flyte", "ray")
def second_loop(trial: Trial) -> None:
    """Serves a second event loop after the first has ended."""

    async def first() -> Running:
        batcher = await trial.open(trial.model())
        assert await trial.outcome(trial.call(batcher, "ok 1")) == "OK 1"
        return batcher

    batcher = asyncio.run(first())
    for number in (2, 3):
        answer = asyncio.run(trial.outcome(trial.call(batcher, f"ok {number}")))
        assert answer == f"OK {number}", answer


@check(*ASYNCIO)
async def two_loops(trial: Trial) -> None:
    """Serves two event loops of two threads at once."""
    batcher = await trial.open(trial.model(seconds=0.002))

    async def ask(start: int) -> None:
        items = [f"ok {number}" for number in range(start, start + 50)]
        outcomes = await trial.outcomes(trial.call(batcher, item) for item in items)
        assert outcomes == answered(items), outcomes[:3]

    await asyncio.gather(ask(0), asyncio.to_thread(asyncio.run, ask(50)))


@check(*ASYNCIO, "async_batcher", "ray")
async def busy_loop(trial: Trial) -> None:
    """Answers the callers of one event loop while another loop with a caller is stuck."""
    batcher = await trial.open(trial.model())
    stuck, done = threading.Event(), threading.Event()

    async def other() -> None:
        call = asyncio.ensure_future(await batcher.submit("ok 0"))
        stuck.set()
        done.wait(2 * trial.patience)
        assert await trial.outcome(call) == "OK 0"

    thread = asyncio.create_task(asyncio.to_thread(asyncio.run, other()))
    await trial.until(lambda: stuck.is_set() or thread.done(), "the other loop is stuck")
    try:
        items = [f"ok {number}" for number in range(1, 31)]
        for item in items:
            assert await trial.outcome(trial.call(batcher, item)) == item.upper()
    finally:
        done.set()
    await trial.outcome(thread)


@check()
async def threads(trial: Trial) -> None:
    """Answers 16 threads that block, 20 calls each."""
    batcher = await trial.open(trial.model())

    def ask(thread: int) -> None:
        for number in range(20):
            item = f"ok {thread}.{number}"
            assert batcher.call(item) == item.upper()

    with ThreadPoolExecutor(16) as pool:
        loop = asyncio.get_running_loop()
        await trial.outcomes(loop.run_in_executor(pool, ask, thread) for thread in range(16))
