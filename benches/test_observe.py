"""What the gate costs: a finished request, and the call whose look at the whole window is due."""

from __future__ import annotations

from itertools import takewhile

import numpy as np
import pytest
from numpy.typing import NDArray
from pytest_benchmark.fixture import BenchmarkFixture

import multibin as mb
from multibin.lab.traces import lengths

# Bins and batch sizes, by the window that they give.
WINDOWS = {1_000: (16, 8), 32_768: (64, 256)}


def gate(window: int) -> tuple[mb.Gate, NDArray[np.int64]]:
    """Returns a gate that has just looked, and lengths that it did not see."""
    bins, batch_size = WINDOWS[window]
    sample = lengths.log_normal(5 * window, 100, 1.0, seed=0)
    found = mb.Gate(mb.Edges.optimal(sample, bins, batch_size), batch_size)
    assert found.window == window
    start, rest = np.split(sample, [2 * window])
    found.observe(start, start)
    gain = found.gain
    for length in takewhile(lambda _: found.gain == gain, rest):
        found.observe(length, length)
    return found, rest


@pytest.mark.benchmark(group="the gate")
@pytest.mark.parametrize("window", WINDOWS)
def test_observe(benchmark: BenchmarkFixture, window: int) -> None:
    found, rest = gate(window)
    benchmark.pedantic(lambda: found.observe(rest, rest), rounds=10)
    benchmark.extra_info["fits"] = len(rest)


@pytest.mark.benchmark(group="the gate")
@pytest.mark.parametrize("window", WINDOWS)
def test_look(benchmark: BenchmarkFixture, window: int) -> None:
    found, rest = gate(window)
    between = rest[: window // 8 // mb.Gate.EVERY * mb.Gate.EVERY - 1]
    benchmark.pedantic(
        lambda: found.observe(rest[-1], rest[-1]),
        setup=lambda: found.observe(between, between),
        rounds=20,
    )
    benchmark.extra_info["fits"] = 1
