"""Each caller gets the answer to its own item."""

from __future__ import annotations

from ..trial import Trial, answered
from . import check


@check()
async def own_answers(trial: Trial) -> None:
    """Gives each of 500 concurrent callers the answer to its own item."""
    batcher = await trial.open(trial.model())
    items = [f"ok {number}" for number in range(500)]
    assert await trial.outcomes(trial.call(batcher, item) for item in items) == answered(items)


@check("aiodataloader", "async_batcher")
async def equal_items(trial: Trial) -> None:
    """Answers a caller although another caller with an equal item went away."""
    model = trial.model()
    batcher = await trial.open(model)
    held = await trial.hold(batcher, model)
    leaves, stays = await trial.queue(batcher, ["ok 1", "ok 1"])
    leaves.cancel()
    model.release("hold 0")
    assert await trial.outcomes([held, stays]) == ["HOLD 0", "OK 1"]
