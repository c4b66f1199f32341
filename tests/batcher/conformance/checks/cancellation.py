"""A caller that goes away harms no other caller."""

from __future__ import annotations

import asyncio
import time

from ..subjects import PEERS
from ..trial import Trial, answered
from . import check


@check("async_batcher")
async def cancelled_while_running(trial: Trial) -> None:
    """Answers the other callers of a batch of which one caller is cancelled while it runs."""
    model = trial.model()
    batcher = await trial.open(model)
    held = await trial.hold(batcher, model)
    first, leaves, stays = await trial.queue(batcher, ["hold 1", "ok 2", "ok 3"])
    model.release("hold 0")
    await trial.until(lambda: "hold 1" in model.computed(), "the second batch begins")
    leaves.cancel()
    await asyncio.sleep(0.05)
    model.release("hold 1")
    assert await trial.outcomes([held, first, stays]) == answered(["hold 0", "hold 1", "ok 3"])
    assert await trial.outcome(trial.call(batcher, "ok 4")) == "OK 4"


@check(*(set(PEERS) - {"batched_aio", "ray"}))
async def cancelled_while_waiting(trial: Trial) -> None:
    """Computes nothing for callers that went away before their batch began."""
    model = trial.model()
    batcher = await trial.open(model)
    held = await trial.hold(batcher, model)
    leave = await trial.queue(batcher, [f"ok {number}" for number in range(20)])
    stays = (await trial.queue(batcher, ["ok 20"]))[0]
    for task in leave:
        task.cancel()
    await asyncio.sleep(0.05)
    model.release("hold 0")
    assert await trial.outcomes([held, stays]) == ["HOLD 0", "OK 20"]
    assert model.computed() == ["hold 0", "ok 20"]


@check("bentoml")
async def deadline(trial: Trial) -> None:
    """Lets a caller give up at its deadline with ``TimeoutError``, while the function is busy."""
    model = trial.model()
    batcher = await trial.open(model)
    held = await trial.hold(batcher, model)
    began = time.monotonic()
    outcome: object = None
    try:
        outcome = await asyncio.wait_for(await batcher.submit("ok 1"), 0.1)
    except TimeoutError as error:
        outcome = error
    elapsed = time.monotonic() - began
    model.release("hold 0")
    assert isinstance(outcome, TimeoutError), outcome
    assert elapsed < trial.patience
    assert await trial.outcome(held) == "HOLD 0"
