"""What goes wrong in the function reaches the callers that it concerns, and the batcher goes on."""

from __future__ import annotations

import re
from typing import Any

from ..subjects import PEERS
from ..trial import Trial, answered, refused
from . import check


async def together(trial: Trial, items: list[str], **options: Any) -> tuple[Any, list[Any]]:
    """Runs items in one batch; returns the batcher and what each caller got."""
    model = trial.model()
    batcher = await trial.open(model, **options)
    held = await trial.hold(batcher, model)
    tasks = await trial.queue(batcher, items)
    model.release("hold 0")
    outcomes = await trial.outcomes([held, *tasks])
    assert outcomes[0] == "HOLD 0"
    return batcher, outcomes[1:]


@check("infinity", "razors_edge")
async def raised_error(trial: Trial) -> None:
    """Raises what the function raised in the callers of that batch, and answers the next ones."""
    batcher, outcomes = await together(trial, ["bad 1", "bad 2"])
    assert all(refused(outcome) for outcome in outcomes), outcomes
    assert await trial.outcome(trial.call(batcher, "ok 3")) == "OK 3"


@check(*PEERS)
async def one_bad_item(trial: Trial) -> None:
    """Fails one bad item alone, and computes no other item more than 1 + log2(batch size) times."""
    items = ["ok 1", "ok 2", "bad 3", "ok 4", "ok 5", "ok 6"]
    _, outcomes = await together(trial, items, isolate=True)
    bad = outcomes.pop(2)
    assert refused(bad), bad
    assert outcomes == answered(["ok 1", "ok 2", "ok 4", "ok 5", "ok 6"])
    computed = trial.model().computed()
    assert all(computed.count(item) <= 4 for item in items), computed


@check("batched", "batched_aio", "flyte", "infinity", "ray", "razors_edge", "mosec")
async def returned_exception(trial: Trial) -> None:
    """Raises an exception object that the function returned for an item, in its caller alone."""
    _, outcomes = await together(trial, ["ok 1", "error 2", "ok 3"])
    assert outcomes[::2] == ["OK 1", "OK 3"], outcomes
    assert refused(outcomes[1]), f"the caller got {outcomes[1]!r} as a value"


@check(*PEERS)
async def base_exception(trial: Trial) -> None:
    """Tells the callers of a batch that raised ``BaseException``, and leaves none waiting later."""
    batcher, outcomes = await together(trial, ["ok 1", "fatal 2", "ok 3"])
    assert refused(outcomes[1]), outcomes
    later = await trial.outcomes(trial.call(batcher, f"ok {number}") for number in range(4, 24))
    assert all(refused(outcome) or outcome.startswith("OK") for outcome in later)


async def miscounted(trial: Trial, item: str, more: int) -> None:
    """Runs a batch in which ``item`` changes the number of results by ``more``."""
    items = ["ok 1", item, "ok 3"]
    batcher, outcomes = await together(trial, items)
    batch = next(call.items for call in trial.model().calls() if item in call.items)
    for asked, outcome in zip(items, outcomes, strict=True):
        assert refused(outcome) if asked in batch else outcome == asked.upper(), outcomes
    message = str(outcomes[1].error)
    numbers = {str(len(batch)), str(len(batch) + more)}
    assert numbers <= set(re.findall(r"\d+", message)), f"{sorted(numbers)} are not in {message!r}"
    assert await trial.outcome(trial.call(batcher, "ok 4")) == "OK 4"


@check("infinity", "bentoml", "razors_edge", "litserve", "mosec")
async def too_few_results(trial: Trial) -> None:
    """Fails a batch with too few results, with an error that says both numbers."""
    await miscounted(trial, "short 2", -1)


@check("aiodataloader", "infinity", "bentoml", "razors_edge", "litserve", "mosec")
async def too_many_results(trial: Trial) -> None:
    """Fails a batch with too many results, with an error that says both numbers."""
    await miscounted(trial, "long 2", 1)


@check(*(set(PEERS) - {"mosec"}))
async def hung_worker(trial: Trial) -> None:
    """Tells the callers of a batch that runs longer than ``worker_timeout``, and those after it."""
    model = trial.model()
    batcher = await trial.open(model, worker_timeout=0.3)
    try:
        held = await trial.hold(batcher, model)
        assert refused(await trial.outcome(held))
        later = await trial.outcome(trial.call(batcher, "ok 1"))
        assert refused(later) or later == "OK 1", later
    finally:
        model.release("hold 0")
