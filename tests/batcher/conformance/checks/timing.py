"""When batches leave, and what waiting costs. Bounds are many times what a right batcher needs."""

from __future__ import annotations

import asyncio
import os
import time
from pathlib import Path

from ..trial import Trial, answered
from . import check


@check("batched_aio", "batched", "litserve")
async def idle_cpu(trial: Trial) -> None:
    """Uses less than a twentieth of a core while no request waits."""
    batcher = await trial.open(trial.model(), max_wait=0)
    assert await trial.outcome(trial.call(batcher, "ok 1")) == "OK 1"
    await asyncio.sleep(0.2)
    before = cpu_seconds()
    await asyncio.sleep(1.0)
    used = cpu_seconds() - before
    assert used < 0.05, f"{used:.2f} s of CPU time in a second without requests"


def cpu_seconds() -> float:
    """Returns the CPU time of this process and of its descendants that run."""
    parents: dict[int, tuple[int, int]] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            pid, fields = int(stat.parent.name), stat.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        parents[pid] = int(fields[1]), int(fields[11]) + int(fields[12])
    ticks = sum(used for pid, (_, used) in parents.items() if descends(pid, parents))
    return ticks / os.sysconf("SC_CLK_TCK")


def descends(pid: int, parents: dict[int, tuple[int, int]]) -> bool:
    while pid in parents and pid != os.getpid():
        pid = parents[pid][0]
    return pid == os.getpid()


@check("async_batcher")
async def wait_from_oldest(trial: Trial) -> None:
    """Counts the wait for more rows from the oldest request, not from the last one."""
    model = trial.model()
    batcher = await trial.open(model, max_wait=0.5)
    held = await trial.hold(batcher, model)
    began = time.monotonic()
    tasks = await trial.queue(batcher, ["ok 1", "ok 2"])
    model.release("hold 0")
    await asyncio.sleep(began + 0.4 - time.monotonic())
    tasks += await trial.queue(batcher, ["ok 3"])
    await trial.outcomes([held, *tasks])
    waited = next(call.at for call in model.calls() if "ok 1" in call.items) - began
    assert waited < 0.75, f"{waited:.2f} s instead of 0.5"


@check("batched", "batched_aio", "async_batcher", "flyte", "ray", "litserve", "mosec")
async def lone_request(trial: Trial) -> None:
    """Runs a lone request on an idle function at once, instead of waiting for more rows."""
    batcher = await trial.open(trial.model(), max_wait=0.5)
    waits = []
    for number in range(3):
        await asyncio.sleep(0.1)
        began = time.monotonic()
        assert await trial.outcome(trial.call(batcher, f"ok {number}")) == f"OK {number}"
        waits.append(time.monotonic() - began)
    assert min(waits) < 0.25, f"{min(waits):.2f} s"


@check("ray", "flyte", "infinity", "aiodataloader")
async def cut_while_busy(trial: Trial) -> None:
    """Cuts no batch while the function is busy: what came meanwhile leaves together."""
    model = trial.model()
    batcher = await trial.open(model, max_wait=0.02, all_rows=True)
    held = await trial.hold(batcher, model)
    tasks = []
    for number in range(8):
        tasks += await trial.queue(batcher, [f"ok {number}"])
    model.release("hold 0")
    await trial.outcomes([held, *tasks])
    rows = [len(call.items) for call in model.calls()[1:]]
    assert len(rows) <= 2, f"batches of {rows} rows"


@check("razors_edge", "litserve")
async def closed_loop_fills(trial: Trial) -> None:
    """Keeps batches full if as many callers as rows ask again as soon as they are answered."""
    model = trial.model(seconds=0.01)
    batcher = await trial.open(model, all_rows=True)

    async def ask(caller: int) -> list[object]:
        return [await trial.call(batcher, f"ok {caller}.{number}") for number in range(15)]

    for caller, got in enumerate(await trial.outcomes(ask(caller) for caller in range(8))):
        assert got == answered(f"ok {caller}.{number}" for number in range(15))
    rows = [len(call.items) for call in model.calls()]
    assert sum(rows) / len(rows) >= 5, f"batches of {rows} rows"
