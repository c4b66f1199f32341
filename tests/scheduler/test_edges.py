"""Edges: the map from a length to its bin."""

from __future__ import annotations

import copy
import pickle
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

import multibin as mb

samples = st.lists(st.integers(0, 500), min_size=1, max_size=60)


def longest(values: list[int], batch_size: int) -> float:
    """Returns E[max of batch_size] of the values of a bin (arXiv 2412.04504, empirical)."""
    share = (np.arange(len(values) + 1) / len(values)) ** batch_size
    return float(np.sort(values) @ np.diff(share))


def cost(sample: list[int], edges: mb.Edges, batch_size: int) -> float:
    bins: dict[int, list[int]] = {}
    for value in sample:
        bins.setdefault(edges.bin(value), []).append(value)
    return sum(len(values) * longest(values, batch_size) for values in bins.values())


def test_bins_are_half_open_and_the_outer_ones_take_the_rest() -> None:
    edges = mb.Edges([10, 20, 30])
    assert [edges.bin(length) for length in (0, 10, 19, 20, 29, 30, 10**9)] == [0, 0, 0, 1, 1, 1, 1]
    assert edges.bin(19.5) == 1, "a length is rounded up"
    assert (edges.bins, len(edges)) == (2, 2)
    assert edges.bounds.tolist() == [10, 20, 30]
    assert repr(edges) == "Edges([10, 20, 30])"
    assert edges == mb.Edges(np.array([10.0, 20.0, 30.0]))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: mb.Edges([]), "bounds must have at least 2 values, got 0"),
        (lambda: mb.Edges([1, 3, 3]), r"bounds\[2\] must be above 3 after rounding up, got 3"),
        (
            lambda: mb.Edges([0, float("nan")]),
            r"bounds\[1\] must be between 0 and 4294967295, got nan",
        ),
        (lambda: mb.Edges(range(5000)), "bounds must make at most 4096 bins, got 4999"),
        (lambda: mb.Edges([0, -1]), r"bounds\[1\] must be between 0 and 4294967295, got -1"),
        (lambda: mb.Edges([[0, 1]]), r"bounds must have shape \[n\], got \(1, 2\)"),
        (lambda: mb.Edges.uniform(5, 5, 2), "hi must be above lo = 5, got 5"),
        (lambda: mb.Edges.uniform(0, 5, 0), "bins must be between 1 and 4096, got 0"),
        (lambda: mb.Edges.uniform(0, 5, -1), "bins must be at least 1, got -1"),
        (lambda: mb.Edges.quantile([], 2), "sample must have at least 1 value, got 0"),
        (lambda: mb.Edges.quantile([1, float("inf")], 2), r"sample\[1\] must be .*, got inf"),
        (lambda: mb.Edges.optimal([1], 2, 0), "batch_size must be at least 1, got 0"),
        (lambda: mb.Edges.optimal([1], 2, 4, 0), "candidates must be at least 1, got 0"),
        (lambda: mb.Edges.optimal([1], 2, 4, -1), "candidates must be at least 1, got -1"),
        (
            lambda: mb.Edges.optimal([1, 2], 2, 4, actual=[1]),
            "actual must have one length for each of 2 predictions, got 1",
        ),
        (lambda: mb.Edges.optimal([], 2, 4, actual=[]), "sample must have at least 1 value"),
        (lambda: mb.Edges.optimal([1, 2], 2, 4, actual=[1, -2]), r"actual\[1\] must be .*, got -2"),
        (
            lambda: mb.Edges.optimal([1], 2, 4, monotone=False),
            "monotone must be True without actual, got False",
        ),
        (
            lambda: mb.Edges.feedback([1], 2, float("nan")),
            "overhead must be finite and at least 0, got",
        ),
        (
            lambda: mb.Edges.feedback([1], 2, 10**400),
            "overhead must be finite and at least 0, got inf",
        ),
        (lambda: mb.Edges.feedback([1], 2, -1), "overhead must be finite and at least 0, got -1"),
    ],
)
def test_bad_values_are_named(make: object, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make()  # type: ignore[operator]


@pytest.mark.parametrize(
    "sample", [["a"], [True], [1j], np.array(["2020"], "datetime64"), np.zeros(1, "u4,u4")]
)
def test_bad_dtypes_are_named(sample: object) -> None:
    with pytest.raises(TypeError, match="sample must have a dtype of numbers, got "):
        mb.Edges.quantile(sample, 2)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="bins must be an int, got '2'"):
        mb.Edges.quantile([1], "2")  # type: ignore[arg-type]


@pytest.mark.parametrize("dtype", ["u1", "i2", "u4", "i8", "u8", "f2", "f4", "f8"])
def test_every_real_dtype_is_a_sample(dtype: str) -> None:
    sample = np.arange(100).astype(dtype)
    assert mb.Edges.quantile(sample, 4).bounds.tolist() == [0, 25, 50, 75, 100]
    assert mb.Edges.quantile(sample[::2], 2).bounds.tolist() == [0, 50, 99]


@given(samples, st.integers(1, 6), st.integers(1, 64))
def test_optimal_is_never_worse_than_equal_mass(
    sample: list[int], bins: int, batch_size: int
) -> None:
    optimal = mb.Edges.optimal(sample, bins, batch_size)
    quantile = mb.Edges.quantile(sample, bins)
    assert optimal.bins <= min(bins, len(set(sample)))
    assert cost(sample, optimal, batch_size) <= cost(sample, quantile, batch_size) * (1 + 1e-9)


@given(samples, st.integers(1, 6), st.floats(0, 50))
@example([0, 1, 3], 2, 3.0)
def test_feedback_is_never_worse_than_fewer_levels(
    sample: list[int], bins: int, overhead: float
) -> None:
    def total(edges: mb.Edges) -> float:
        survivors = [sum(value > lo for value in sample) for lo in edges.bounds]
        widths = np.diff(edges.bounds.astype(float))
        return float((widths + overhead) @ survivors[:-1])

    fitted = [total(mb.Edges.feedback(sample, k, overhead)) for k in range(1, bins + 1)]
    assert all(more <= fewer * (1 + 1e-9) + 1e-9 for fewer, more in pairwise(fitted))
    assert mb.Edges.feedback(sample, bins, overhead).bounds[0] == 0


def test_uniform_lengths_are_cut_evenly() -> None:
    edges = mb.Edges.optimal(np.arange(1000), 4, 32)
    assert np.allclose(np.diff(edges.bounds.astype(int)), 250, atol=2)


def test_edges_are_values() -> None:
    edges = mb.Edges([1, 5, 9])
    assert pickle.loads(pickle.dumps(edges)) == copy.deepcopy(edges) == edges
    assert len({edges, mb.Edges([1, 5, 9]), mb.Edges([1, 5])}) == 2
