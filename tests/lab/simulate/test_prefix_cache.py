"""Cached tokens of prompts: no cost of a prefill, but room in the caches of the rows."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import product
from typing import Literal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import multibin as mb
from multibin.lab.traces import Prefixes, Trace, arrivals, from_arrays

BLOCK = 4

SECOND = 512
"""Ticks of a second: whole nanoseconds, and exact in floats."""

COSTS = mb.CostModel(
    fixed=16 / SECOND,
    prompt_token=3 / SECOND,
    step=8 / SECOND,
    row_step=2 / SECOND,
    kv_token=1 / SECOND,
    completes="row",
)

FIFO = mb.Edges([0, 1])

PAIRS = mb.SchedulerConfig(FIFO, 2, fill="strict")

requests = st.lists(
    st.tuples(
        st.lists(st.integers(0, 3), max_size=4),  # choices, which make the chain of hashes
        st.integers(0, BLOCK - 1),  # tokens that the last block lacks
        st.integers(1, 5),  # output tokens
        st.integers(1, 200),  # ticks since the last request
    ),
    min_size=1,
    max_size=12,
)


def chains(choices: list[list[int]]) -> list[list[int]]:
    """Returns a hash for each block, equal where all choices up to it are."""
    known: dict[tuple[int, ...], int] = {}
    return [
        [known.setdefault(tuple(row[: i + 1]), len(known)) for i in range(len(row))]
        for row in choices
    ]


def hits(rows: list[list[int]], prompts: list[int], room: int) -> Iterator[int]:
    """Yields the cached tokens of each prompt: the stamps of blocks are searched for the oldest."""
    stamps: dict[int, int] = {}
    clock = 0
    for blocks, tokens in zip(rows, prompts, strict=True):
        run = 0
        while run < len(blocks) and blocks[run] in stamps:
            run += 1
        yield max(0, min(run * BLOCK, tokens - 1))
        for block in blocks[::-1]:
            clock += 1
            stamps[block] = clock
        while len(stamps) > room:
            del stamps[min(stamps, key=lambda block: stamps[block])]


def played(
    prompts: list[int], cached: list[int], outputs: list[int], ticks: list[int]
) -> list[int]:
    """Returns the ticks at which requests are answered: at most two of those that wait, in turn."""
    ends, now, waiting = [0] * len(prompts), 0, list(range(len(prompts)))
    while waiting:
        now = max(now, ticks[waiting[0]])
        batch = [i for i in waiting if ticks[i] <= now][:2]
        waiting = waiting[len(batch) :]
        now += 16 + sum(3 * (prompts[i] - cached[i]) for i in batch)
        for step in range(max(outputs[i] for i in batch)):
            live = [i for i in batch if outputs[i] > step]
            now += 8 + sum(2 + prompts[i] + step for i in live)
            for i in live:
                ends[i] = now
    return ends


@given(requests, st.one_of(st.none(), st.integers(1, 6)))
def test_the_times_are_those_of_a_step_by_step_count(
    drawn: list[tuple[list[int], int, int, int]], room: int | None
) -> None:
    rows = chains([each[0] for each in drawn])
    prompts = [max(0, BLOCK * len(row) - each[1]) for row, each in zip(rows, drawn, strict=True)]
    outputs = [each[2] for each in drawn]
    ticks = np.cumsum([each[3] for each in drawn]) - drawn[0][3]
    blocks = Prefixes(
        np.cumsum([0, *map(len, rows)]),
        np.array([block for row in rows for block in row], dtype=np.int64),
        np.array(prompts),
        BLOCK,
    )
    trace = from_arrays(prompts, outputs, arrivals=ticks / SECOND)
    trace = replace(trace, prefixes=blocks)
    with_hits = trace.with_prefix_cache(None if room is None else room * BLOCK)
    expected = list(hits(rows, prompts, 10**9 if room is None else room))
    assert with_hits.cached_tokens is not None
    assert with_hits.cached_tokens.tolist() == expected
    assert with_hits.hit_rate == sum(expected) / max(1, sum(prompts))
    records = mb.simulate(with_hits, scheduler=mb.SchedulerConfig(FIFO, 2), costs=COSTS)
    ends = played(prompts, expected, outputs, ticks.tolist())
    assert records.finish * SECOND == pytest.approx(ends, abs=1e-5)


def random_trace(n: int = 400) -> Trace:
    """Returns requests of which prompts are cached in all shares, from none to all but a token."""
    rng = np.random.default_rng(0)
    prompts = rng.integers(1, 200, n)
    cached = rng.integers(0, prompts)
    times = np.cumsum(rng.exponential(0.3, n))
    return Trace(prompts, rng.integers(1, 60, n), times, cached_tokens=cached)


FORMERS: list[mb.SchedulerConfig | mb.Baseline] = [
    mb.SchedulerConfig(mb.Edges([0, 16, 64]), 4),
    mb.SchedulerConfig(mb.Edges([0, 16, 64]), 4, fill="strict"),
    mb.SchedulerConfig(mb.Edges([0, 8, 16, 64]), 4, overrun="climb"),
    mb.SchedulerConfig(mb.Edges([0, 8, 16, 64]), 4, overrun="recompute"),
    mb.Baseline.continuous(4),
]


@pytest.mark.parametrize("former", FORMERS, ids=str)
def test_nothing_cached_is_no_cache(former: mb.SchedulerConfig | mb.Baseline) -> None:
    trace = random_trace()
    none = replace(trace, cached_tokens=None)
    zero = replace(trace, cached_tokens=np.zeros(len(trace), np.int64))
    a, b = (mb.simulate(each, scheduler=former, costs=COSTS) for each in (none, zero))
    assert a.finish.tolist() == b.finish.tolist()
    cached = mb.simulate(trace, scheduler=former, costs=COSTS)
    assert cached.latency.mean() < a.latency.mean()


@pytest.mark.parametrize("former", FORMERS, ids=str)
def test_prefills_are_as_short_as_prompts_without_the_cached_tokens(
    former: mb.SchedulerConfig | mb.Baseline,
) -> None:
    trace = random_trace()
    assert trace.cached_tokens is not None
    costs = mb.CostModel(prompt_token=0.01, step=0.02, moved_row=0.1)
    computed = trace.prompt_tokens - trace.cached_tokens
    short = replace(trace, prompt_tokens=computed, cached_tokens=None)
    a, b = (mb.simulate(each, scheduler=former, costs=costs) for each in (trace, short))
    assert a.finish.tolist() == b.finish.tolist()
    assert (a.batches.resident_tokens > b.batches.resident_tokens).any()


def test_rows_hold_all_tokens_of_their_prompts() -> None:
    trace = from_arrays([10, 30], [4, 5], cached_tokens=[9, 29])
    records = mb.simulate(trace, scheduler=PAIRS, costs=mb.CostModel(step=1.0))
    assert records.batches.resident_tokens.tolist() == [10 + 4 + 30 + 5]


@pytest.mark.parametrize(("counts", "tokens"), [("longest", (10, 30)), ("mean", (8, 20))])
def test_a_table_is_looked_up_by_the_tokens_that_are_computed(
    counts: Literal["longest", "mean"], tokens: tuple[int, int]
) -> None:
    """Ten and six of the tokens are computed; the step after the first token reads all."""
    axis, rows = np.arange(0, 101), np.array([1, 2])
    squares = (axis**2 / 1000.0)[None, :].repeat(2, axis=0)
    table = mb.CostTable(
        rows, axis, step=10 * squares, prefill=squares, move=0 * squares, counts=counts
    )
    trace = from_arrays([10, 30], [2, 2], cached_tokens=[0, 24])
    records = mb.simulate(trace, scheduler=PAIRS, costs=table)
    first, then = (each**2 / 1000 for each in tokens)
    assert records.first_token.tolist() == pytest.approx([first, first])
    assert records.finish.tolist() == pytest.approx([first + 10 * then] * 2)


def test_users_and_limits_of_memory_leave_rows_their_hits() -> None:
    trace = random_trace(60)
    assert trace.cached_tokens is not None
    costs = mb.CostModel(prompt_token=0.01, step=0.02)
    computed = trace.prompt_tokens - trace.cached_tokens
    short = replace(trace, prompt_tokens=computed, cached_tokens=None)
    loop = arrivals.closed_loop(60, users=5, pause=1.0, seed=0)
    for former, most in product(FORMERS[2:], (None, 8)):
        a, b = (
            mb.simulate(each, scheduler=former, costs=costs, closed_loop=loop, max_resident=most)
            for each in (trace, short)
        )
        assert a.finish.tolist() == b.finish.tolist()
