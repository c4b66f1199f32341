"""Compares the records of ten simulations with stored digests.

Together the simulations play the options of the scheduler and of ``simulate``, and all baselines. A
digest covers the numbers of the columns, events and counters, without their names. Those of
resident rows and tokens came later; ``test_resident`` counts them by itself.

``python -m tests.lab.simulate.test_digest`` stores new digests, after an intended change of
behaviour.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import astuple, fields
from itertools import product
from pathlib import Path
from typing import Any, Literal, TypeAlias, cast

import numpy as np
import pytest
from numpy.typing import NDArray
from tests.scheduler.taking import rest

import multibin as mb
from multibin.lab.simulate import REASONS
from multibin.lab.traces import Trace, arrivals

Column: TypeAlias = NDArray[Any]

STORED = Path(__file__).with_name("digests.json")

# Ticks of a second. Times are binary fractions, which are exact on every platform.
SECOND = 512

EDGES = mb.Edges([0, 16, 48, 110, 200, 300])
LINEAR = mb.CostModel(
    fixed=2**-4,
    prompt_token=2**-14,
    moved_row=2**-7,
    step=2**-7,
    row_step=2**-10,
    kv_token=2**-18,
    padded_token=2**-19,
)

FILLS: tuple[Literal["strict", "elastic"], ...] = ("strict", "elastic")
ORDERS = ("formed", "oldest", "shortest", "deadline")
COMPLETIONS: tuple[Literal["batch", "row"], ...] = ("batch", "row")
COUNTS: tuple[Literal["longest", "mean"], ...] = ("longest", "mean")
WEIGHTS: tuple[Literal["wait", "wait squared"], ...] = ("wait", "wait squared")
REFILLS: tuple[Literal["fifo", "longest", "shortest"], ...] = ("fifo", "longest", "shortest")
KINDS = ("closed", "opened", "swapped")


def draws(n: int, below: int, seed: int) -> NDArray[np.int64]:
    """Returns integers from 0 to ``below`` − 1 of SplitMix64, whose stream no version changes."""
    state = np.arange(1, n + 1, dtype=np.uint64) + np.uint64(seed << 32)
    mixed = state * np.uint64(0x9E3779B97F4A7C15)
    for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB), (31, 1)):
        mixed = (mixed ^ (mixed >> np.uint64(shift))) * np.uint64(factor)
    return ((mixed >> np.uint64(11)) % np.uint64(below)).astype(np.int64)


def workload(n: int = 1500, *, gap: int = SECOND // 2) -> Trace:
    """Returns requests in busy and quiet spells, predicted at 0.5 to 1.5 times their length.

    ``gap`` bounds the ticks between the arrivals of a busy spell.
    """
    output = 1 + draws(n, 700, 1) ** 2 // 1225
    spell = np.arange(n) // 100 % 3
    ticks = np.cumsum(draws(n, gap, 2) * (1 + spell**2))
    predicted = output * (64 + draws(n, 129, 3)) // 128
    return Trace(draws(n, 600, 4), output, ticks / SECOND, predicted)


def blind(trace: Trace) -> Trace:
    """Returns the trace with 0 predicted of every request."""
    return trace.with_predicted(np.zeros(len(trace), np.int64))


def binned(batch_size: int | list[int] = 8, **options: Any) -> mb.SchedulerConfig:
    """Returns a scheduler's configuration with the edges of all simulations."""
    return mb.SchedulerConfig(EDGES, batch_size, **options)


def play(
    scheduler: mb.SchedulerConfig | mb.Baseline,
    trace: Trace | None = None,
    *,
    costs: mb.CostModel | mb.CostTable = LINEAR,
    **options: Any,
) -> Iterator[Column]:
    """Yields the numbers of the records, in the order of their fields."""
    trace = workload() if trace is None else trace
    records = mb.simulate(trace, scheduler=scheduler, costs=costs, **options)
    for part in (records, records.batches):
        names = [field.name for field in fields(part)]
        values = [getattr(part, name) for name in names if not name.startswith("resident")]
        yield from (value for value in values if isinstance(value, np.ndarray))
    for time, kind, gain, bins in map(astuple, records.events):
        yield numbers([time, KINDS.index(kind), gain, bins])
    adaptation = cast(dict[str, dict[str, Any]], records.adaptation or {})
    for counters in adaptation.values():
        yield numbers(counters.values())


def numbers(values: Iterable[float | None]) -> Column:
    """Returns an array without the last bits, as gains depend on the platform's logarithm."""
    return np.array([-1.0 if value is None else round(value, 6) for value in values])


def strict() -> Iterator[Column]:
    """Plays every order, with overdue requests and with requests that are left over."""
    for order in ORDERS:
        yield from play(binned(fill="strict", order=order, max_wait=24.0), servers=2)
        yield from play(binned(fill="strict", order=order), servers=2, drain=False)


def elastic() -> Iterator[Column]:
    """Plays every order and completion, with a batch size for each bin."""
    for order, completes in product(ORDERS, COMPLETIONS):
        costs = mb.CostModel(fixed=2**-4, step=2**-6, row_step=2**-9, completes=completes)
        scheduler = binned([12, 8, 8, 6, 4], order=order, max_wait=16.0)
        yield from play(scheduler, costs=costs, servers=2)


def climb() -> Iterator[Column]:
    """Plays requests that climb with their state, with and without a limit of parked ones."""
    for fill, max_parked in product(FILLS, (None, 6)):
        for trace in (workload(), blind(workload())):
            options: dict[str, Any] = {"max_parked": max_parked, "max_wait": 32.0}
            scheduler = binned(10, fill=fill, overrun="climb", **options)
            yield from play(scheduler, trace, servers=2)


def recompute() -> Iterator[Column]:
    """Plays requests that start over in a higher bin."""
    for fill, trace in product(FILLS, (workload(), blind(workload()))):
        for order in ("formed", "shortest"):
            scheduler = binned(fill=fill, overrun="recompute", order=order)
            yield from play(scheduler, trace, servers=3, drain=order == "formed")


def budgets() -> Iterator[Column]:
    """Limits batches by the sum of their costs, by rows × the longest, and by padding."""
    limits: tuple[dict[str, Any], ...] = (
        {"budget": 600, "budget_of": "cost"},
        {"budget": 800, "budget_of": "padded"},
        {"max_padding": 0.25},
        {"budget": 900, "max_padding": 0.125, "max_wait": 16.0},
    )
    for limit, fill, overrun in product(limits, FILLS, ("finish", "climb")):
        yield from play(binned(12, fill=fill, overrun=overrun, **limit), servers=2)


def ageing() -> Iterator[Column]:
    """Plays ageing, and drains schedulers whose requests have priorities and deadlines.

    A simulated request has neither.
    """
    for fill in FILLS:
        yield from play(binned(fill=fill, ageing=0.5), servers=2)
        for order in ("oldest", "shortest"):
            yield from drained(binned(fill=fill, order=order, ageing=1000.0), priorities=4)
        yield from drained(binned(fill=fill, order="deadline"), priorities=1)


def drained(config: mb.SchedulerConfig, priorities: int) -> Iterator[Column]:
    """Yields the batches of a live scheduler, in an order that differences of hours decide."""
    trace = workload()
    n, scheduler = len(trace), mb.Scheduler.from_config(config)
    scheduler.submit_many(
        np.arange(n, dtype=np.uint64),
        trace.predictions,
        priorities=draws(n, priorities, 5),
        ttls=3600.0 * (1 + draws(n, 100, 6)),
    )
    scheduler.close()
    for batch in rest(scheduler.worker()):
        yield batch.keys
        yield np.array([REASONS.index(batch.reason), batch.bin])


def adaptation() -> Iterator[Column]:
    """Swaps edges as lengths grow; closes and opens the gate as predictions fail for a while."""
    trace = workload(12_000)
    grown = np.where(np.arange(12_000) < 3000, 1, 3)
    predicted = grown * trace.predictions
    predicted[6000:9000] = predicted[6000:9000][::-1]
    drifted = Trace(
        trace.prompt_tokens, grown * trace.output_tokens, trace.arrivals, predicted=predicted
    )
    adapt = mb.Adapt(every=1000, window=4000)
    yield from play(binned(adapt=adapt), drifted, servers=2)
    yield from play(binned(adapt=mb.Adapt(gate=False), overrun="climb"), blind(drifted), servers=2)
    yield from play(binned(fill="strict", adapt=mb.Adapt(edges=False)), drifted, servers=2)
    yield from play(binned(), drifted, servers=2, gate=True)


def residents() -> Iterator[Column]:
    """Plays closed loops, and servers that hold a limited number of rows."""
    pauses = draws(1500, 16 * SECOND, 7) / SECOND
    for users, completes in product((12, 60), COMPLETIONS):
        loop = arrivals.ClosedLoop(users, pauses)
        costs = mb.CostModel(fixed=2**-4, step=2**-6, moved_row=2**-5, completes=completes)
        for scheduler, most in (
            (binned(), None),
            (binned(overrun="climb"), 20),
            (binned(fill="strict"), None),
            (mb.Baseline.continuous(8, chunk=5), None),
        ):
            yield from play(scheduler, costs=costs, closed_loop=loop, max_resident=most)
    yield from play(binned(overrun="climb"), blind(workload()), max_resident=12, servers=3)


def table() -> Iterator[Column]:
    """Plays costs tables, inside and outside of their grid."""
    rows, tokens = np.array([1, 4, 10]), np.array([8, 100, 400, 700])
    area = rows[:, None] * tokens[None, :]
    for counts, completes in product(COUNTS, COMPLETIONS):
        measured = mb.CostTable(
            rows,
            tokens,
            step=(20 + area % 1000) / 2**12,
            prefill=(50 + area) / 2**11,
            move=(3 + rows[:, None] + area // 64) / 2**10,
            counts=counts,
            completes=completes,
        )
        for scheduler in (
            binned(12),
            binned(12, overrun="climb"),
            binned(fill="strict", overrun="recompute"),
            mb.Baseline.continuous(12, chunk=7),
        ):
            yield from play(scheduler, costs=measured, servers=2)


def baselines() -> Iterator[Column]:
    """Plays every baseline with all of its options."""
    every: list[mb.Baseline] = [
        mb.Baseline.sorted_window(32),
        mb.Baseline.sorted_window(32, [(100, 12), (400, 6)]),
        mb.Baseline.shortest_first(8),
        mb.Baseline.shortest_first(8, patience=5),
        mb.Baseline.look_ahead(8, 24),
        *(mb.Baseline.nearest(8, light_load=few) for few in (True, False)),
        *(
            mb.Baseline.heaviest_bin(EDGES, 8, weight=weight, light_load=few)
            for weight, few in product(WEIGHTS, (True, False))
        ),
        *(
            mb.Baseline.continuous(8, chunk=chunk, order=order)
            for chunk, order in product((1, 7), REFILLS)
        ),
    ]
    for baseline in every:
        yield from play(baseline, servers=2)


SIMULATIONS: dict[str, Callable[[], Iterator[Column]]] = {
    simulation.__name__: simulation
    for simulation in (
        strict,
        elastic,
        climb,
        recompute,
        budgets,
        ageing,
        adaptation,
        residents,
        table,
        baselines,
    )
}


def digest(columns: Iterator[Column]) -> str:
    """Returns the SHA-256 of all numbers: floats as float64, others as int64, NaN as −1."""
    found = hashlib.sha256()
    for column in columns:
        wide = "<f8" if column.dtype.kind == "f" else "<i8"
        found.update(len(column).to_bytes(8, "little"))
        found.update(np.nan_to_num(column, nan=-1.0).astype(wide).tobytes())
    return found.hexdigest()


@pytest.mark.parametrize("name", SIMULATIONS)
def test_a_simulation_keeps_its_digest(name: str) -> None:
    stored = json.loads(STORED.read_text())
    assert digest(SIMULATIONS[name]()) == stored[name], f"the records of {name} differ"


def test_every_digest_has_a_simulation() -> None:
    assert list(json.loads(STORED.read_text())) == list(SIMULATIONS)


if __name__ == "__main__":
    digests = {name: digest(simulation()) for name, simulation in SIMULATIONS.items()}
    STORED.write_text(json.dumps(digests, indent=2) + "\n")
