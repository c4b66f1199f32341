"""Rows and tokens that servers hold, against counts of every step from the requests' records."""

from __future__ import annotations

from typing import Literal

import numpy as np
import pytest
from numpy.typing import NDArray
from tests.lab.simulate.test_digest import binned, workload

import multibin as mb
from multibin.lab.traces import Trace, from_arrays

COMPLETIONS: tuple[Literal["batch", "row"], ...] = ("batch", "row")

# Every step takes a second, and nothing else takes time.
STEP = 1.0


def held(
    ages: NDArray[np.int64], first: NDArray[np.int64], last: NDArray[np.int64], end: int
) -> tuple[int, int]:
    """Returns the most rows and tokens that rows hold, step by step to ``end``.

    A row holds its age and a token more after each step from ``first``; it leaves after ``last``.
    """
    steps = np.arange(1, end + 1)[:, None]
    tokens = (ages + np.minimum(steps - first, last - first)) * (steps > first)
    here = (steps > first) & (steps <= last)
    return int(here.sum(axis=1).max()), int((tokens * here).sum(axis=1).max())


def static(trace: Trace, records: mb.Records, batch: int, completes: str) -> tuple[int, int]:
    """Returns what the server of a batch held whose rows start together and run to their ends."""
    rows = np.flatnonzero(records.batch == batch)
    prompts, output = trace.prompt_tokens[rows], trace.output_tokens[rows]
    if completes == "batch":
        return len(rows), int((prompts + output).sum())
    return held(prompts, np.zeros(len(rows), np.int64), output, int(output.max()))


@pytest.mark.parametrize("completes", COMPLETIONS)
@pytest.mark.parametrize(
    "scheduler",
    [
        mb.SchedulerConfig(mb.Edges([0, 10_000]), 8),
        binned(fill="strict"),
        binned([12, 8, 8, 6, 4], max_wait=16.0),
        mb.Baseline.nearest(8),
    ],
    ids=["fifo", "strict", "elastic", "nearest"],
)
def test_a_batch_holds_its_rows(
    scheduler: mb.SchedulerConfig | mb.Baseline, completes: Literal["batch", "row"]
) -> None:
    trace = workload(600)
    costs = mb.CostModel(fixed=0.5, step=2**-7, row_step=2**-10, completes=completes)
    records = mb.simulate(trace, scheduler=scheduler, costs=costs, servers=2)
    batches = records.batches
    most = zip(batches.resident.tolist(), batches.resident_tokens.tolist(), strict=True)
    assert list(most) == [static(trace, records, i, completes) for i in range(len(batches))]


@pytest.mark.parametrize("chunk", [1, 7])
@pytest.mark.parametrize("servers", [1, 3])
def test_continuous_batching_holds_the_rows_in_its_slots(chunk: int, servers: int) -> None:
    trace = workload(600).with_arrivals(np.arange(600) * 7.0 * (1 + np.arange(600) // 300))
    records = mb.simulate(
        trace,
        scheduler=mb.Baseline.continuous(8, chunk=chunk),
        costs=mb.CostModel(step=STEP, completes="row"),
        servers=servers,
    )
    batches = records.batches
    assert batches.rows.max() > 8 == batches.resident.max()
    for batch in range(len(batches)):
        rows = np.flatnonzero(records.batch == batch)
        first = np.rint((records.start[rows] - batches.start[batch]) / STEP).astype(np.int64)
        last = first + trace.output_tokens[rows]
        # With chunks a row's slot is free, and another row may follow, at the end of its chunk.
        slots, tokens = held(trace.prompt_tokens[rows], first, last, int(batches.steps[batch]))
        assert batches.resident_tokens[batch] == tokens
        assert slots <= batches.resident[batch] <= min(8, batches.rows[batch])
        assert chunk > 1 or slots == batches.resident[batch]


def climbing(
    overrun: Literal["climb", "recompute"], completes: Literal["batch", "row"]
) -> mb.Batches:
    """Plays four rows of prompts of 100 to 400 tokens through bins to 4 and to 20 steps."""
    trace = from_arrays([100, 200, 300, 400], [10, 2, 7, 6], predicted=[0, 0, 0, 0])
    scheduler = mb.SchedulerConfig(mb.Edges([0, 4, 20]), 2, fill="strict", overrun=overrun)
    costs = mb.CostModel(step=STEP, completes=completes)
    return mb.simulate(trace, scheduler=scheduler, costs=costs).batches


def test_parked_rows_keep_their_tokens() -> None:
    """All but the second row climb after four steps; the fourth waits while two others end."""
    batches = climbing("climb", "batch")
    assert batches.rows.tolist() == [2, 2, 2, 1]
    assert batches.resident.tolist() == [2, 3, 3, 1]
    tokens = [104 + 202, 304 + 404 + 104, 110 + 307 + 404, 406]
    assert batches.resident_tokens.tolist() == tokens
    # The second row leaves after two steps, the third in its second batch after three.
    tokens = [102 + 202, 304 + 404 + 104, 107 + 307 + 404, 406]
    assert climbing("climb", "row").resident_tokens.tolist() == tokens


def test_rows_that_recompute_keep_nothing() -> None:
    batches = climbing("recompute", "batch")
    assert batches.parked.tolist() == [0, 0, 0, 0]
    assert batches.resident.tolist() == [2, 2, 2, 1]
    assert batches.resident_tokens.tolist() == [104 + 202, 304 + 404, 110 + 307, 406]
    tokens = [102 + 202, 304 + 404, 107 + 307, 406]
    assert climbing("recompute", "row").resident_tokens.tolist() == tokens
