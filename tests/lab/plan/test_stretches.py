"""Resampled and thinned stretches of a trace, and where two stretches differ."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from multibin.lab.plan import differences
from multibin.lab.plan._drift import halves
from multibin.lab.plan._stretches import BLOCKS, resampled, thinned
from multibin.lab.traces import Trace, arrivals, chat, from_arrays


def bursts(n: int = 4000, seed: int = 0) -> Trace:
    """Requests that come 20 at a time."""
    times = np.repeat(np.cumsum(np.random.default_rng(seed).exponential(10.0, n // 20)), 20)
    return chat(n, seed).with_arrivals(times)


def rows(trace: Trace) -> set[tuple[int, int]]:
    return set(zip(trace.prompt_tokens.tolist(), trace.output_tokens.tolist(), strict=True))


def test_a_stretch_keeps_rows_together_and_bursts_whole() -> None:
    trace = bursts()
    stretch = resampled(trace, np.random.default_rng(1))
    assert stretch.arrivals is not None
    assert rows(stretch) <= rows(trace)
    _, counts = np.unique(stretch.arrivals.round(9), return_counts=True)
    assert (counts % 20 == 0).mean() > 0.95
    assert stretch.burstiness == pytest.approx(trace.burstiness, rel=0.2)


def test_stretches_are_as_long_and_as_dense_on_average() -> None:
    trace = bursts()
    stretches = [resampled(trace, np.random.default_rng(seed)) for seed in range(200)]
    assert np.mean([len(each) for each in stretches]) == pytest.approx(len(trace), rel=0.03)
    assert np.mean([each.output_tokens.mean() for each in stretches]) == pytest.approx(
        trace.output_tokens.mean(), rel=0.02
    )


def test_the_spread_of_counts_is_that_of_the_blocks() -> None:
    trace = chat(8000, 0).with_arrivals(arrivals.gamma(8000, 1.0, 3.0, 1))
    counts = [len(resampled(trace, np.random.default_rng(seed))) for seed in range(400)]
    # n requests with gaps of coefficient 3 vary by 3 √n.
    assert np.std(counts) == pytest.approx(3 * np.sqrt(8000), rel=0.35)


@given(st.lists(st.floats(0, 100), min_size=2, max_size=30), st.integers(0, 2**32 - 1))
def test_any_trace_has_stretches_in_order(times: list[float], seed: int) -> None:
    ordered = np.sort(times)
    if ordered[-1] - ordered[0] < 1e-6:
        return
    trace = from_arrays([5] * len(times), [3] * len(times), arrivals=ordered)
    stretch = resampled(trace, np.random.default_rng(seed))
    assert stretch.arrivals is not None
    assert len(stretch) > 1
    assert (np.diff(stretch.arrivals) >= 0).all()


def test_fewer_requests_are_from_the_whole_time() -> None:
    n = 20_000
    lengths = np.repeat(np.arange(1, BLOCKS + 1), n // BLOCKS)
    trace = Trace(lengths, lengths, np.arange(n, dtype=float))
    fewer = thinned(trace, 2000)
    assert len(fewer) == pytest.approx(2000, rel=0.05)
    assert set(fewer.output_tokens.tolist()) == set(range(1, BLOCKS + 1))
    assert fewer.rate == pytest.approx(trace.rate)
    assert thinned(trace, n) is trace


def test_halves_of_a_steady_load_do_not_differ() -> None:
    told = 0
    for seed in range(20):
        trace = chat(4000, seed).with_arrivals(arrivals.poisson(4000, 1.0, 100 + seed))
        told += bool(differences(*halves(trace)))
    assert told <= 1


@pytest.mark.parametrize(
    ("name", "second"),
    [
        ("requests/s", chat(4000, 1).with_arrivals(arrivals.poisson(4000, 2.0, 3))),
        (
            "output tokens",
            Trace(
                chat(4000, 1).prompt_tokens,
                2 * chat(4000, 1).output_tokens,
                arrivals.poisson(4000, 1.0, 3),
            ),
        ),
    ],
)
def test_what_differs_is_named(name: str, second: Trace) -> None:
    first = chat(4000, 0).with_arrivals(arrivals.poisson(4000, 1.0, 2))
    found = differences(first, second)
    assert [each.name for each in found] == [name]
    assert found[0].second == pytest.approx(2 * found[0].first, rel=0.15)
