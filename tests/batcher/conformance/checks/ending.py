"""No caller is left waiting by a batcher that ends, however it ends."""

from __future__ import annotations

import asyncio
import gc
import os
import time
from collections.abc import Awaitable
from typing import Any

from ..subject import Running
from ..trial import Hung, Raised, Trial, refused
from . import check


@check("batched", "infinity", "bentoml")
async def close_tells_all(trial: Trial) -> None:
    """Answers or refuses each of 200 waiting callers when the batcher is closed."""
    model = trial.model()
    batcher = await trial.open(model)
    held = await trial.hold(batcher, model)
    items = [f"ok {number}" for number in range(200)]
    tasks = await trial.queue(batcher, items)
    closing = asyncio.create_task(batcher.aclose())
    await asyncio.sleep(0.05)
    model.release("hold 0")
    outcomes = await trial.outcomes([held, closing, *tasks])
    for item, outcome in zip(items, outcomes[2:], strict=True):
        assert refused(outcome) or outcome == item.upper(), (item, outcome)


@check("batched", "infinity", "bentoml")
async def call_after_close(trial: Trial) -> None:
    """Leaves no caller waiting that calls after the batcher was closed."""
    batcher = await trial.open(trial.model())
    assert await trial.outcome(trial.call(batcher, "ok 1")) == "OK 1"
    await trial.outcome(batcher.aclose())
    later = await trial.outcome(trial.call(batcher, "ok 2"))
    assert refused(later) or later == "OK 2", later


@check()
async def forgotten(trial: Trial) -> None:
    """Answers or refuses its callers although no variable names the batcher any more."""
    model = trial.model()
    batcher = await trial.open(model)
    futures = [await batcher.submit("hold 0")]
    await trial.until(lambda: "hold 0" in model.computed(), "the first batch begins")
    futures += [await batcher.submit(f"ok {number}") for number in range(20)]
    del batcher
    gc.collect()
    model.release("hold 0")
    outcomes = await trial.outcomes(map(settled, futures))
    assert all(refused(outcome) or isinstance(outcome, str) for outcome in outcomes), outcomes


async def settled(future: Awaitable[Any]) -> Any:
    try:
        return await future
    except Exception as error:
        return Raised(error)


@check("infinity", "async_batcher")
async def exits_while_open(trial: Trial) -> None:
    """Lets the process end although the batcher is open and callers wait."""
    batcher = await trial.open(trial.model(seconds=0.05))
    assert await trial.outcome(trial.call(batcher, "ok 0")) == "OK 0"
    await trial.queue(batcher, [f"ok {number}" for number in range(1, 40)])


@check("batched", "async_batcher", "flyte", "ray")
def fork(trial: Trial) -> None:
    """Answers or refuses a call in a forked process, and goes on in the parent."""

    async def first() -> Running:
        batcher = await trial.open(trial.model())
        assert await trial.outcome(trial.call(batcher, "ok 1")) == "OK 1"
        return batcher

    with asyncio.Runner() as runner:
        batcher = runner.run(first())
        child = os.fork()
        if child == 0:
            os._exit(in_child(trial, batcher))
        status = waited(child, 2 * trial.patience)
        assert runner.run(trial.outcome(trial.call(batcher, "ok 3"))) == "OK 3"
    if status != 0:
        raise Hung(f"a caller in the child: its status is {status}")


def in_child(trial: Trial, batcher: Running) -> int:
    """Returns 1 if a caller is left waiting."""
    try:
        asyncio.run(trial.outcome(trial.call(batcher, "ok 2")))
    except Hung:
        return 1
    except BaseException:
        return 0
    return 0


def waited(child: int, seconds: float) -> int | None:
    """Waits for a process; returns its status, or ``None`` if it had to be killed."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        pid, status = os.waitpid(child, os.WNOHANG)
        if pid:
            return status
        time.sleep(0.01)
    os.kill(child, 9)
    os.waitpid(child, 0)
    return None
