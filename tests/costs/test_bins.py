"""CostTable.bins through Python: its arguments, and that it beats edges and sizes chosen apart."""

from __future__ import annotations

import numpy as np
import pytest

import multibin as mb
from multibin.lab.traces import lengths

SAMPLE = lengths.log_normal(5_000, 40, 1.0, 0)

TABLE = mb.CostTable.of_batches([1, 32], [0, 4_000], [[0.01, 0.01 + 0.4], [0.01, 0.01 + 32 * 0.4]])


def seconds(edges: mb.Edges, sizes: list[int]) -> float:
    """Returns the mean seconds per request in saturation, by drawing batches of each bin."""
    rng = np.random.default_rng(0)
    bins = np.searchsorted(edges.bounds[1:-1], SAMPLE, side="right")
    total = 0.0
    for bin, size in enumerate(sizes):
        members = SAMPLE[bins == bin]
        longest = rng.choice(members, (4_000, size)).max(axis=1)
        batch = np.mean([TABLE.seconds("prefill", size, int(length)) for length in longest])
        total += len(members) * float(batch) / size
    return total / len(SAMPLE)


def test_edges_and_sizes_together_are_better_than_apart() -> None:
    edges, sizes = TABLE.bins(SAMPLE, bins=4, batch_size=32)
    assert (edges.bins, len(sizes)) == (4, 4)
    assert sizes == sorted(sizes, reverse=True)
    best = seconds(edges, sizes)
    for size in (1, 2, 4, 8, 16, 32):
        apart = mb.Edges.optimal(SAMPLE, 4, size)
        assert best < seconds(apart, [size] * apart.bins)


def test_they_fit_a_scheduler() -> None:
    edges, sizes = TABLE.bins(SAMPLE)
    config = mb.SchedulerConfig(edges, sizes)
    assert config.edges == edges


def test_bad_arguments_are_refused() -> None:
    with pytest.raises(ValueError, match="sample must have at least 1 value, got 0"):
        TABLE.bins([])
    with pytest.raises(ValueError, match="bins must be between 1 and 4096, got 0"):
        TABLE.bins([1], bins=0)
    with pytest.raises(ValueError, match="batch_size must be at least 1, got 0"):
        TABLE.bins([1], batch_size=0)
    mean = mb.CostTable.of_batches([1], [0], [[1.0]], counts="mean")
    with pytest.raises(ValueError, match="counts must be one of 'longest', got 'mean'"):
        mean.bins([1])


def test_bounded_padding_is_bounded() -> None:
    edges = mb.Edges.bounded(64, 512)
    shapes = edges.bounds[1:].astype(int) - 1
    for length in range(64, 513):
        shape = shapes[edges.bin(length)]
        assert 0 <= shape - length <= 0.25 * shape
    assert shapes[-1] == 512
    with pytest.raises(ValueError, match="padding must be at least 0 and below 1, got 1"):
        mb.Edges.bounded(1, 9, 1.0)
    with pytest.raises(TypeError, match="padding must be a number, got 'x'"):
        mb.Edges.bounded(1, 9, "x")  # type: ignore[arg-type]
